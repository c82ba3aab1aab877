"""Measure wrong and missed hits on labelled pairs: `python -m tests.quality.measure_pairs DIR`.

DIR holds .jsonl files of `{"id", "set", "a", "b", "label", "kind"}`; label 1 means that one answer serves
both questions. Pairs are read in a fixed random order, at most `--limit` of each set.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from workers.semantic.embedder import Embedder, Vectors
from workers.semantic.guards import judge
from workers.semantic.minilm import LocalEmbedder

THRESHOLDS = (0.75, 0.80, 0.85, 0.88, 0.90, 0.92, 0.95)
BATCH = 64


class Pair(msgspec.Struct, frozen=True):
    """One labelled pair of questions."""

    set: str
    a: str
    b: str
    label: int


class _Line(msgspec.Struct, frozen=True):
    set: str
    a: str | None = None
    b: str | None = None
    label: int | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair's cosine and the guards that refused it."""

    pair: Pair
    similarity: float
    refused_by: tuple[str, ...]


def read_pairs(folder: Path, limit: int) -> list[Pair]:
    """Read at most `limit` pairs of each file; lines that are no pairs are left out."""
    pairs: list[Pair] = []
    for path in sorted(folder.glob("*.jsonl")):
        lines = [msgspec.json.decode(line, type=_Line) for line in path.read_bytes().splitlines()]
        found = [
            Pair(line.set, line.a, line.b, line.label)
            for line in lines
            if line.a is not None and line.b is not None and line.label is not None
        ]
        random.Random(1).shuffle(found)
        pairs += found[:limit]
    return pairs


async def judged(pairs: Sequence[Pair], embedder: Embedder) -> list[Judged]:
    """Embed and judge every pair."""
    texts = sorted({text for pair in pairs for text in (pair.a, pair.b)})
    vectors: dict[str, Vectors] = {}
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        vectors.update(zip(batch, (await embedder.embed(batch)).vectors, strict=True))
    return [
        Judged(
            pair,
            float(vectors[pair.a] @ vectors[pair.b]),
            tuple(verdict.name for verdict in judge(pair.a, pair.b) if not verdict.passed),
        )
        for pair in pairs
    ]


def rates(rows: Sequence[Judged], threshold: float, *, guarded: bool) -> tuple[float, float]:
    """The share of true pairs that hit, and the share of false ones; nan where there are none."""
    hits: Counter[int] = Counter()
    totals = Counter(row.pair.label for row in rows)
    for row in rows:
        hits[row.pair.label] += row.similarity >= threshold and not (guarded and row.refused_by)
    recall, wrong = (hits[label] / totals[label] if totals[label] else float("nan") for label in (1, 0))
    return recall, wrong


def table(rows: Sequence[Judged], *, guarded: bool) -> str:
    """Per set: how many true and false pairs, then `recall / false-hit rate` in percent per threshold."""
    lines = [f"{'guards on' if guarded else 'guards off':14}{'true':>6}{'false':>6}"]
    lines[0] += "".join(f"{threshold:>14.2f}" for threshold in THRESHOLDS)
    for name in sorted({row.pair.set for row in rows}):
        of_set = [row for row in rows if row.pair.set == name]
        true = sum(row.pair.label for row in of_set)
        line = f"{name:14}{true:>6}{len(of_set) - true:>6}"
        for threshold in THRESHOLDS:
            recall, wrong = rates(of_set, threshold, guarded=guarded)
            line += f"{100 * recall:>7.1f}/{100 * wrong:>6.1f}"
        lines.append(line)
    return "\n".join(lines)


def effects(rows: Sequence[Judged], threshold: float) -> str:
    """Per guard and set at one threshold: the true hits it costs and the false hits it removes."""
    hits = [row for row in rows if row.similarity >= threshold]
    guards = sorted({name for row in hits for name in row.refused_by})
    lines = [f"at {threshold:.2f}      " + "".join(f"{guard:>16}" for guard in guards)]
    for name in sorted({row.pair.set for row in rows}):
        counts = Counter((g, row.pair.label) for row in hits if row.pair.set == name for g in row.refused_by)
        cells = (f"-{counts[g, 1]} true -{counts[g, 0]}" for g in guards)
        lines.append(f"{name:14}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


async def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="wrong and missed hits on labelled pairs")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--embedder", choices=["minilm"], default="minilm")
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "sentinel-models")
    parser.add_argument("--limit", type=int, default=1000, help="pairs of each file")
    arguments = parser.parse_args()
    embedder = await LocalEmbedder.open(arguments.models)
    rows = await judged(read_pairs(arguments.directory, arguments.limit), embedder)
    await embedder.aclose()
    report = (table(rows, guarded=False), table(rows, guarded=True), effects(rows, embedder.threshold))
    sys.stdout.write("\n\n".join(report) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
