"""Measure wrong hits on labelled pairs: `python -m tests.quality.measure [DIR]`; writes docs/QUALITY.md.

DIR (or SENTINEL_QUALITY_DATA) holds .jsonl files of `{"set", "a", "b", "label", "kind"}`; without it only
the samples in tests/quality/samples are read. Pairs that the verifier has learned from are left out.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.settings import Settings
from tests.quality.measured import Measured, measured
from tests.quality.pairs import Pair, for_training, read_pairs
from tests.quality.rates import Scores, auc, false_hits_at, hit_share, threshold_for
from tests.quality.readings import readings
from tests.quality.slotted_pairs import draw, read_intents
from tests.quality.train_verifier import LEARNED
from tests.quality.written_pairs import pairs_of, read_clusters
from workers.semantic.guards import GUARDS
from workers.semantic.judging import REACH, VETOES
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.verifier.adapter import Adapter
from workers.semantic.verifier.head import Head, chance_of

SAMPLES = Path(__file__).with_name("samples")
PAGE = Path(__file__).parents[2] / "docs" / "QUALITY.md"
START, END = "<!-- measured: start -->", "<!-- measured: end -->"
HIT_RATES = (0.5, 0.7)
REFERENCE = "qqp"
"""Whose threshold a set of false pairs alone is measured at: a set has none without true pairs."""
POOLED = {"databases": ("advising", "atis", "geography", "restaurants", "scholar")}
"""Sets that are also measured together, by one threshold for all."""
MOST_PAIRS = 8_000
SLOTTED = 3_000
"""Pairs drawn from requests with slots."""
UNVETOED = -50.0
"""Scores below belong to vetoed pairs."""


def scored(data: Measured, head: Head, adapter: Adapter, models: Path) -> dict[str, Scores]:
    """Every method's score of every pair: the cosine, each guard as a veto over it, all, and the cascade.

    Those of the head, of the head and the reader, and of the whole cascade are log odds.
    """
    columns: dict[str, Scores] = {"cosine": data.cosines}
    for i, guard in enumerate(GUARDS):
        columns[guard] = vetoed(data.cosines, data.refusals[:, i] > 0)
    columns["guards"] = vetoed(data.cosines, data.refusals.sum(axis=1) > 0)
    scores = head.scores(data.inputs, data.products)
    columns["head"] = head.odds(scores)
    columns["reader"] = adapter.blended(readings(data.pairs, models), data.cosines, scores)
    vetoing = np.array([guard in VETOES for guard in GUARDS])
    columns["verified"] = vetoed(columns["reader"], data.refusals @ vetoing > 0)
    return columns


def vetoed(scores: Scores, refused: NDArray[np.bool_]) -> Scores:
    """The scores, with the refused pairs after all others."""
    return np.where(refused, scores - 100, scores)


def table(data: Measured, columns: Mapping[str, Scores]) -> str:
    """One line a set and method: AUC, and the share of false pairs that hits at two hit rates."""
    lines = [
        "| set | pairs (true/false) | method | AUC | false hits at 50 % | at 70 % | times fewer |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in sorted({*data.sets, *POOLED}):
        for method, scores in columns.items():
            lines.append(_line(data, name, method, scores, columns["cosine"]))
    return "\n".join(line for line in lines if line)


def false_hits(data: Measured, name: str, scores: Scores, hit_rate: float) -> float:
    """A set's share of false pairs that hits at a hit rate: its own, or the reference's where it has none."""
    chosen = _in(data, name)
    labels = data.labels[chosen]
    if labels.any():
        return false_hits_at(scores[chosen], labels, hit_rate)
    reference = scores[(data.sets == REFERENCE) & data.labels]
    return hit_share(scores[chosen], threshold_for(reference, hit_rate)) if len(reference) else float("nan")


def _line(data: Measured, name: str, method: str, scores: Scores, cosines: Scores) -> str:
    chosen = _in(data, name)
    labels = data.labels[chosen]
    if labels.all():
        return ""  # nothing here can be a false hit
    rates = [false_hits(data, name, scores, rate) for rate in HIT_RATES]
    before = false_hits(data, name, cosines, HIT_RATES[-1])
    times = f"{before / rates[-1]:.1f}" if rates[-1] else "all"
    first = (name, f"{labels.sum()}/{(~labels).sum()}") if method == "cosine" else ("", "")
    cells = (*first, method, _figure(auc(scores[chosen], labels)), *map(_figure, rates), times)
    return "| " + " | ".join(cells) + " |"


def recall_table(data: Measured, columns: Mapping[str, Scores]) -> str:
    """Sets of true pairs alone: the share that hits where 70 % of the reference's true pairs do."""
    lines = ["| set | pairs | cosine | guards | verified |", "|---|---|---|---|---|"]
    for name in sorted(set(data.sets)):
        chosen = data.sets == name
        if not data.labels[chosen].all():
            continue
        cells = []
        for method in ("cosine", "guards", "verified"):
            scores = columns[method]
            reference = scores[(data.sets == REFERENCE) & data.labels]
            cells.append(_figure(hit_share(scores[chosen], threshold_for(reference, 0.7))))
        lines.append("| " + " | ".join((name, str(chosen.sum()), *cells)) + " |")
    return "\n".join(lines)


def defaults_table(data: Measured, columns: Mapping[str, Scores], chance: float) -> str:
    """What the defaults serve: of each set's true and false pairs, the share that hits under each policy."""
    guards = LocalEmbedder.threshold
    believed = chance_of(columns["reader"]) >= chance
    hits = {
        "cosine": data.cosines >= guards,
        "guards": columns["guards"] >= guards,
        "verified": (data.cosines >= guards - REACH) & believed & (columns["verified"] > UNVETOED),
    }
    lines = ["| set | cosine: true, false | guards | verified |", "|---|---|---|---|"]
    for name in sorted(set(data.sets)):
        chosen = data.sets == name
        shares = (
            ", ".join(_figure(_share(hit[chosen & (data.labels == label)])) for label in (True, False))
            for hit in hits.values()
        )
        lines.append(f"| {name} | " + " | ".join(shares) + " |")
    return "\n".join(lines)


def scored_part(folder: Path, models: Path) -> Measured:
    """Read and measure pairs that nothing was learned from, those of what was written too."""
    pairs = read_pairs(folder)
    kept, counts = [], dict.fromkeys({pair.set for pair in pairs}, 0)
    for pair, train in zip(pairs, for_training(pairs), strict=True):
        if not (train and pair.set in LEARNED) and counts[pair.set] < MOST_PAIRS:
            kept.append(pair)
            counts[pair.set] += 1
    return measured([*kept, *written_part()], models)


def written_part() -> list[Pair]:
    """The pairs of what was written and kept out."""
    written = pairs_of([cluster for cluster in read_clusters() if cluster.kept_out])
    return written + draw([intent for intent in read_intents() if intent.kept_out], SLOTTED)


def _in(data: Measured, name: str) -> NDArray[np.bool_]:
    return np.isin(data.sets, POOLED.get(name, (name,)))


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean()) if len(hits) else float("nan")


def _figure(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables, and write them into the page when all sets were there."""
    parser = argparse.ArgumentParser(description="wrong hits on labelled pairs")
    given_folder = os.environ.get("SENTINEL_QUALITY_DATA")
    parser.add_argument("directory", type=Path, nargs="?", default=given_folder and Path(given_folder))
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "sentinel-models")
    given = parser.parse_args(arguments)
    given.models.mkdir(parents=True, exist_ok=True)
    if given.directory:
        data = scored_part(given.directory, given.models)
    else:
        data = measured(read_pairs(SAMPLES), given.models)
    columns = scored(data, Head.load(), Adapter.load(), given.models)
    chance = Settings().verifier_chance
    tables = "\n\n".join(
        (
            "### By set and method\n",
            table(data, columns),
            "### Sets of true pairs alone, at the threshold where 70 % of QQP's true pairs hit\n",
            recall_table(data, columns),
            "### Shares that hit with the default thresholds\n",
            defaults_table(data, columns, chance),
            "",
        )
    )
    sys.stdout.write(tables)
    if given.directory:
        before, _, rest = PAGE.read_text().partition(START)
        PAGE.write_text(f"{before}{START}\n{tables}{END}{rest.partition(END)[2]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
