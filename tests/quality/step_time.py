"""The semantic step on one core: `python -m tests.quality.step_time`; embed, search 10,000 rows, judge.

Beside the wall's clock the processor's: on a machine that others use, only that one tells of the step.
"""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as a worker does, before numpy is loaded

import numpy as np

from tests.quality.written_pairs import read_clusters, texts_in
from workers.semantic.index import PartitionIndex
from workers.semantic.judging import Judge
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.proposing import NEIGHBOURS

ROUNDS = 300
ENTRIES = 10_000
STORED = ("How can I enable two factor authentication for {}?", "How do I turn off two factor login for {}?")


async def measure(models: Path) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds of each part by both clocks, for a new short question each round and two proposals."""
    embedder = await LocalEmbedder.open(models)
    judge = await Judge.open("verified", models, least_chance=0.8)
    index = await _filled(embedder)
    parts: dict[str, list[tuple[float, float]]] = {"embed": [], "search": [], "judge": [], "all": []}
    for i in range(ROUNDS):
        question = f"How do I enable two factor login for {_word(i)}?"
        marks = [_clocks()]
        vector = (await embedder.embed([question])).vectors[0]
        marks.append(_clocks())
        index.nearest(vector, NEIGHBOURS, now_ms=0)
        marks.append(_clocks())
        # New stored questions as well, in each tenth round only: popular ones have been read before.
        rulings = await judge.rule(question, [text.format(_word(i // 10)) for text in STORED])
        marks.append(_clocks())
        if any(ruling.chance is None for ruling in rulings):
            raise RuntimeError("a guard has a veto: the verifier's time is not in it")
        for name, start, end in (("embed", 0, 1), ("search", 1, 2), ("judge", 2, 3), ("all", 0, 3)):
            wall, processor = (
                1000 * (later - sooner) for sooner, later in zip(marks[start], marks[end], strict=True)
            )
            parts[name].append((wall, processor))
    await judge.aclose()
    await embedder.aclose()
    return parts


async def _filled(embedder: LocalEmbedder) -> PartitionIndex:
    """An index of real questions, whose codes are learnt."""
    texts = list(dict.fromkeys(texts_in(read_clusters())))[:ENTRIES]
    rows = (await embedder.embed(texts)).vectors
    index = PartitionIndex(embedder.dimensions, ENTRIES)
    index.upsert_many(texts, rows, [1] * ENTRIES)
    if retune := index.retune():
        retune.learn()
        index.adopt(retune)
    return index


def _word(number: int) -> str:
    """A word for each number: a numeral would be refused by a guard before the verifier is asked."""
    return "".join(chr(ord("b") + int(digit)) for digit in f"{number:04}")


def _clocks() -> tuple[float, float]:
    """The wall's and the processor's, in seconds; the latter of all threads of this process."""
    return time.perf_counter(), time.process_time()


def main() -> int:
    """Print the median and the 95th percentile of each part, by both clocks."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    parts = asyncio.run(measure(Path(tempfile.gettempdir()) / "sentinel-models"))
    for name, times in parts.items():
        (middle, used), (high, most) = np.quantile(times, (0.5, 0.95), axis=0)
        sys.stdout.write(
            f"{name:8} p50 {middle:6.2f} p95 {high:6.2f} ms   processor {used:6.2f} and {most:6.2f}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
