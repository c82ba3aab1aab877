"""Train the verifier's reader: `python -m tests.quality.train_reader DIR`; writes workers/semantic/verifier.

It wants PyTorch, which nothing else here does: `pip install torch` beside the packages of the tests. A round
takes half an hour on two cores that multiply bfloat16. DIR holds the sets of docs/QUALITY.md; half of those
that may be learned from is (tests/quality/pairs.py says which), with tests/quality/written and .../slots.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from tests.quality.edits import edited
from tests.quality.measure import written_part
from tests.quality.measured import measured
from tests.quality.pairs import Pair
from tests.quality.rates import logistic
from tests.quality.reader_network import ReaderNetwork
from tests.quality.readings import readings
from tests.quality.slotted_pairs import Intent, draw, read_intents
from tests.quality.train_verifier import LABEL_TRUST, training_pairs
from tests.quality.written_pairs import neighbours, pairs_of, read_clusters, texts_in
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier.adapter import WEIGHTS, Adapter
from workers.semantic.verifier.head import Head
from workers.semantic.verifier.reader import in_one_row

Example: TypeAlias = tuple[list[int], list[int], float, float]
"""Token ids of both texts, the label, and how far it is trusted."""

ROUNDS, BATCH, RATE, HEAD_RATE, DECAY = 2, 64, 1.5e-4, 1e-3, 0.01
WARMED_UP, LEAST_RATE = 200, 0.02
WRITTEN, SLOTTED = 50_000, 60_000
"""Pairs of written clusters and of requests with slots in each round, drawn anew."""
OFTEN = ("loose-*", "passages*", "yes-no*")
"""Files of written clusters whose pairs are seen in every round: loose rewordings, and minimal edits."""
REPEATED = {"paws": 4, "adversarial": 3, "contrast": 3, "gptmock": 3, "disfl": 3}
"""How often small labelled sets are seen in each round."""
WEAK_SHARE = 0.15
EDITED_PAIRS, EDIT_TRUST = 8_000, 0.3
MOST_TOKENS = 120
SMOOTHED = 0.02
"""No label is surer than that: some are wrong."""
RANK = 32
BLEND = np.array([1.0, 2.0, 0.5, 0.0])
"""Weights of the reading, the cosine and the head's score, chosen on the sets of docs/QUALITY.md."""
STEEPER, ABOUT = 1.8, float(np.log(4))
"""How much steeper chances are made, and about which log odds: a bound wants them told apart."""
POOL = 64 * BATCH
"""Pairs that are sorted by length together, so that little of a batch is empty."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Pairs of every round, and those of which a round sees some."""

    always: Sequence[Example]
    written: Sequence[Example]
    intents: Sequence[Intent]
    reading: "_Reading"

    @property
    def size(self) -> int:
        """Pairs of a round."""
        return len(self.always) + min(WRITTEN, len(self.written)) + SLOTTED

    def round(self, rng: random.Random) -> list[Example]:
        """One round's pairs in a new order."""
        some = rng.sample(self.written, min(WRITTEN, len(self.written)))
        slotted = [self.reading(pair, 1.0) for pair in draw(self.intents, SLOTTED, rng.getrandbits(32))]
        examples = [*self.always, *some, *slotted]
        rng.shuffle(examples)
        return examples


def lesson(folder: Path, models: Path) -> Lesson:
    """Gather what is learned from; the clusters kept out are not in it."""
    rng = random.Random(1)
    read = _Reading()
    clusters = [cluster for cluster in read_clusters() if not cluster.kept_out]
    written = pairs_of(clusters)
    model = Model.load(models, installed())
    near = neighbours(clusters, model.embed(texts_in(clusters)).vectors)
    labelled = training_pairs(folder, models)
    weak = [pair for pair in labelled if pair.set in LABEL_TRUST]
    always = [
        read(p, 1.0) for p in labelled if p.set not in LABEL_TRUST for _ in range(REPEATED.get(p.set, 1))
    ]
    always += [read(p, LABEL_TRUST[p.set]) for p in rng.sample(weak, int(WEAK_SHARE * len(weak)))]
    often = [cluster for names in OFTEN for cluster in read_clusters(names) if not cluster.kept_out]
    always += [read(pair, 1.0) for pair in pairs_of(often)]
    texts = sorted({text for pair in written for text in (pair.a, pair.b)})
    always += [read(pair, EDIT_TRUST) for pair in edited(texts, EDITED_PAIRS // 2, seed=11)]
    intents = [intent for intent in read_intents() if not intent.kept_out]
    return Lesson(always, [read(pair, 1.0) for pair in [*written, *near]], intents, read)


def train(network: ReaderNetwork, pairs: Lesson, rounds: int) -> None:
    """Fit the network by AdamW on the logistic loss, with a rate that falls along a line."""
    torch.manual_seed(1)
    rng = random.Random(1)
    judging = [*network.inner.parameters(), *network.outer.parameters()]
    adapting = [p for p in network.model.parameters() if p.requires_grad]
    groups = [{"params": adapting, "lr": RATE}, {"params": judging, "lr": HEAD_RATE}]
    optimiser = torch.optim.AdamW(groups, weight_decay=DECAY, fused=True)
    steps = rounds * pairs.size // BATCH
    falling = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1, step / WARMED_UP) * max(LEAST_RATE, 1 - step / steps)
    )
    started, losses = time.monotonic(), [0.0]
    for number in range(rounds):
        for batch in _batches(pairs.round(rng), rng):
            loss = _loss(network, [_turned(example, rng) for example in batch])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*adapting, *judging], 1.0)
            optimiser.step()
            falling.step()
            losses.append(float(loss.detach()))
            if len(losses) % 200 == 0:
                passed = time.monotonic() - started
                sys.stderr.write(
                    f"round {number + 1}, step {len(losses)} of {steps}: loss {np.mean(losses[-200:]):.3f}, "
                    f"{len(losses) * BATCH / passed:.0f} pairs/s\n"
                )


def _loss(network: ReaderNetwork, batch: Sequence[Example]) -> Tensor:
    tokens, segments = _laid_out(batch)
    labels = torch.tensor([label for _, _, label, _ in batch]) * (1 - 2 * SMOOTHED) + SMOOTHED
    trust = torch.tensor([trust for _, _, _, trust in batch])
    with torch.autocast("cpu", torch.bfloat16):
        odds = network(tokens, segments)
    wrong = functional.binary_cross_entropy_with_logits(odds.float(), labels, reduction="none")
    return (wrong * trust).sum() / trust.sum()


def _laid_out(batch: Sequence[Example]) -> tuple[Tensor, Tensor]:
    longest = max(len(a) + len(b) for a, b, _, _ in batch) + 3
    tokens = torch.zeros(len(batch), (longest + 7) // 8 * 8, dtype=torch.long)
    segments = torch.zeros_like(tokens)
    for row, (a, b, _, _) in enumerate(batch):
        ids, cut = in_one_row(a, b)
        tokens[row, : len(ids)] = torch.tensor(ids)
        segments[row, cut : len(ids)] = 1
    return tokens, segments


def _batches(examples: Sequence[Example], rng: random.Random) -> Iterator[Sequence[Example]]:
    for start in range(0, len(examples), POOL):
        pool = sorted(examples[start : start + POOL], key=lambda e: len(e[0]) + len(e[1]))
        batches = [pool[i : i + BATCH] for i in range(0, len(pool), BATCH)]
        rng.shuffle(batches)
        yield from batches


def _turned(example: Example, rng: random.Random) -> Example:
    a, b, label, trust = example
    return example if rng.random() < 0.5 else (b, a, label, trust)


class _Reading:
    """Texts to token ids without marks, each text once."""

    def __init__(self) -> None:
        self._tokenizer = Tokenizer.from_file(str(installed().tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._known: dict[str, list[int]] = {}

    def __call__(self, pair: Pair, trust: float) -> Example:
        return self._ids(pair.a), self._ids(pair.b), float(pair.label), trust

    def _ids(self, text: str) -> list[int]:
        if text not in self._known:
            self._known[text] = self._tokenizer.encode(text).ids[1:-1][:MOST_TOKENS]
        return self._known[text]


def calibrated(adapter: Adapter, models: Path) -> Adapter:
    """The same, at a chance of 0.8 the share of true pairs of what was written and kept out."""
    adapter.save(WEIGHTS)
    pairs = written_part()
    data, head = measured(pairs, models), Head.load()
    scores = head.scores(data.inputs, data.products)
    odds = adapter.blended(readings(pairs, models), data.cosines, scores).astype(np.float64)
    slope, offset = logistic(odds, data.labels, steps=4_000)
    blend = slope * adapter.blend + np.array([0, 0, 0, offset - ABOUT])
    return replace(adapter, blend=(STEEPER * blend + np.array([0, 0, 0, ABOUT])).astype(np.float32))


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the weights; `--on` starts from those that are there."""
    parser = argparse.ArgumentParser(description="train the verifier's reader")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "sentinel-models")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--on", action="store_true", help="go on from the weights that are there")
    given = parser.parse_args(arguments)
    given.models.mkdir(parents=True, exist_ok=True)
    network = ReaderNetwork(installed().weights())
    if given.on:
        network.adopt(Adapter.load())
    train(network, lesson(given.directory, given.models), given.rounds)
    calibrated(network.adapter(RANK, BLEND), given.models).save(WEIGHTS)
    sys.stdout.write(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1e3:.0f} kB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
