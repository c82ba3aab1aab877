"""Train the verifier's head: `python -m tests.quality.train_verifier DIR`; writes workers/semantic/verifier.

DIR holds the sets of docs/QUALITY.md. Only sets whose licences allow it are learned from, only half of each
(tests/quality/pairs.py says which half), and nothing that a table scores.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.quality.edits import edited
from tests.quality.measured import Measured, measured
from tests.quality.pairs import Pair, for_training, read_pairs, read_utterances
from tests.quality.rates import logistic, threshold_for
from tests.quality.weak import weak_pairs
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier.head import CLIP, SPREAD, WEIGHTS, Head

Array = NDArray[np.float32]
Parameters = dict[str, Array]

LEARNED = ("paws", "adversarial", "checklist", "contrast", "gptmock", "disfl")
"""Sets with true labels that may be learned from."""
INTENTS = {"banking77": 0.55, "clinc": 0.75}
"""Texts with classes, and the cosine from which two of one class count as one question."""
UTTERANCES = 7_000
WEAK_PAIRS = 5_000
EDITED_PAIRS = 5_000
LABEL_TRUST = {"weak-banking77": 0.35, "weak-clinc": 0.35, "edited": 0.2}

MEMBERS, PROJECTED, INNER = 4, 32, 64
EPOCHS, BATCH, RATE, DECAY = 14, 128, 1e-3, 1e-4
KEEP_PRODUCTS, KEEP_INPUTS = 0.7, 0.85
COSINE_WEIGHT = 12.0
"""Logits per unit of cosine, beside what was learned: what a head has not seen, cosine still tells."""


def training_pairs(folder: Path, models: Path) -> list[Pair]:
    """What the head learns from: half of the labelled sets, and pairs made from texts."""
    pairs = read_pairs(folder)
    learned = [
        pair for pair, train in zip(pairs, for_training(pairs), strict=True) if train and pair.set in LEARNED
    ]
    model = Model.load(models, installed())
    texts = [pair.a for pair in learned if pair.set in {"contrast", "disfl", "checklist"}]
    for name, least_same in INTENTS.items():
        utterances = [u for u in read_utterances(folder / f"intent_{name}.jsonl") if u.cls != "oos"]
        np.random.default_rng(3).shuffle(utterances)
        utterances = utterances[:UTTERANCES]
        texts += [utterance.text for utterance in utterances]
        vectors = model.embed([utterance.text for utterance in utterances]).vectors
        learned += weak_pairs(utterances, vectors, least_same=least_same, most=WEAK_PAIRS)
    return learned + edited(texts, EDITED_PAIRS)


def train(data: Measured, seed: int = 0) -> Head:
    """Fit the networks by Adam on the logistic loss, each in its own order and with its own omissions."""
    rng = np.random.default_rng(seed)
    centre, scale = data.inputs.mean(axis=0), data.inputs.std(axis=0) + 1e-3
    known = np.clip((data.inputs - centre) / scale, -CLIP, CLIP)
    labels = data.labels.astype(np.float32)
    trust = np.array([LABEL_TRUST.get(pair.set, 1.0) for pair in data.pairs], dtype=np.float32)
    parameters = _start(known.shape[1], rng)
    optimiser = _Adam(parameters, steps=EPOCHS * (len(labels) // BATCH))
    for rows in _batches(len(labels), rng):
        gradient = _gradient(
            parameters, known[rows], data.products[rows] * SPREAD, labels[rows], trust[rows], rng
        )
        optimiser.step(parameters, gradient)
    return Head(centre=centre, scale=scale, lean=np.array([COSINE_WEIGHT, 1, 0], np.float32), **parameters)


def calibrated(head: Head, data: Measured) -> Head:
    """The same head with a slope and an offset by which its chances are shares of true pairs."""
    scores = head.scores(data.inputs, data.products).astype(np.float64)
    slope, offset = logistic(scores, data.labels, steps=2_000)
    lean = np.array([head.lean[0], slope, offset], dtype=np.float32)
    return Head(**{**{name: getattr(head, name) for name in head.__slots__}, "lean": lean})


def _start(numbers: int, rng: np.random.Generator) -> Parameters:
    def normal(*shape: int, width: int) -> Array:
        drawn: Array = rng.standard_normal(shape, dtype=np.float32) * np.float32(np.sqrt(1 / width))
        return drawn

    return {
        "project": normal(MEMBERS, 768, PROJECTED, width=768) * np.float32(0.6),
        "project_bias": np.zeros((MEMBERS, 1, PROJECTED), np.float32),
        "hidden": normal(MEMBERS, numbers + PROJECTED, INNER, width=numbers + PROJECTED),
        "hidden_bias": np.zeros((MEMBERS, 1, INNER), np.float32),
        "output": normal(MEMBERS, INNER, 1, width=INNER),
        "output_bias": np.zeros((MEMBERS, 1, 1), np.float32),
    }


def _batches(count: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Rows [members, batch]: every member sees all pairs in an order of its own."""
    for _ in range(EPOCHS):
        orders = np.stack([rng.permutation(count) for _ in range(MEMBERS)])
        for start in range(0, count - BATCH + 1, BATCH):
            yield orders[:, start : start + BATCH]


def _gradient(
    parameters: Parameters,
    known: Array,
    products: Array,
    labels: Array,
    trust: Array,
    rng: np.random.Generator,
) -> Parameters:
    """One pass forth and back; every array's first axis is the member."""
    products = products * _omission(products.shape, KEEP_PRODUCTS, rng)
    projected = np.maximum(products @ parameters["project"] + parameters["project_bias"], 0)
    omitted = _omission((*known.shape[:2], known.shape[2] + PROJECTED), KEEP_INPUTS, rng)
    inputs = np.concatenate([known, projected], axis=2) * omitted
    inner = np.maximum(inputs @ parameters["hidden"] + parameters["hidden_bias"], 0)
    logits = (inner @ parameters["output"] + parameters["output_bias"])[..., 0]
    by_logit = ((1 / (1 + np.exp(-logits)) - labels) * trust / labels.shape[1])[..., None]
    by_inner = (by_logit @ parameters["output"].swapaxes(1, 2)) * (inner > 0)
    by_inputs = (by_inner @ parameters["hidden"].swapaxes(1, 2)) * omitted
    by_projected = by_inputs[..., known.shape[2] :] * (projected > 0)
    gradient = {
        "project": products.swapaxes(1, 2) @ by_projected,
        "project_bias": by_projected.sum(axis=1, keepdims=True),
        "hidden": inputs.swapaxes(1, 2) @ by_inner,
        "hidden_bias": by_inner.sum(axis=1, keepdims=True),
        "output": inner.swapaxes(1, 2) @ by_logit,
        "output_bias": by_logit.sum(axis=1, keepdims=True),
    }
    decayed = {"project", "hidden", "output"}
    return {n: g + (2 * DECAY * parameters[n] if n in decayed else 0) for n, g in gradient.items()}


def _omission(shape: tuple[int, ...], keep: float, rng: np.random.Generator) -> Array:
    return (rng.random(shape, dtype=np.float32) < keep).astype(np.float32) / np.float32(keep)


class _Adam:
    """Kingma and Ba, arXiv 1412.6980, with a rate that falls to nothing along a cosine."""

    def __init__(self, parameters: Parameters, steps: int) -> None:
        self._first = {name: np.zeros_like(value) for name, value in parameters.items()}
        self._second = {name: np.zeros_like(value) for name, value in parameters.items()}
        self._steps, self._step = steps, 0

    def step(self, parameters: Parameters, gradient: Parameters) -> None:
        self._step += 1
        rate = RATE * 0.5 * (1 + np.cos(np.pi * self._step / self._steps))
        for name, slope in gradient.items():
            self._first[name] += 0.1 * (slope - self._first[name])
            self._second[name] += 0.001 * (slope * slope - self._second[name])
            mean = self._first[name] / (1 - 0.9**self._step)
            square = self._second[name] / (1 - 0.999**self._step)
            parameters[name] -= (rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and write the weights."""
    parser = argparse.ArgumentParser(description="train the verifier's head")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "sentinel-models")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    given = parser.parse_args(arguments)
    data = measured(training_pairs(given.directory, given.models), given.models)
    head = calibrated(train(data), data)
    head.save(given.weights)
    scores = head.scores(data.inputs, data.products)
    least = head.chances(np.array([threshold_for(scores[data.labels], 0.7)]))[0]
    sys.stdout.write(
        f"{given.weights}: {given.weights.stat().st_size / 1e3:.0f} kB from {len(data.pairs)} pairs; "
        f"70 % of its true pairs have a chance of {least:.2f} or more\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
