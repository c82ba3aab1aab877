"""`make bench-index`: our index beside numpy, usearch, hnswlib, faiss, and reading the memory once.

Every index is a process of its own on one thread; rounds are interleaved, because a shared machine's speed
drifts. The vectors are those of real sentences by the local model. Where there are too few, mixtures of two
of them with noise fill up; 1,024 dimensions, for which there is no local model, are
a random layer over the 384.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.bench import environments
from tests.bench.index_peer import KINDS, Vectors
from tests.bench.processes import BenchProcess
from tests.support.stack import MODELS, ROOT
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed

FOLDER = environments.FOLDER / "index"
PACKAGES = ("faiss-cpu==1.15.1", "hnswlib==0.8.0", "numpy==2.4.6", "usearch==2.26.6")
OWN = {"floor", "plain", "ours"}
ROUNDS = 5
ASKED = 500
BATCH = 32
AS_NEAR = 1e-5
NAMES = [kind.__name__ for kind in KINDS]
WITHOUT_GRAPHS = [name for name in NAMES if "hnsw" not in name]
# Graphs of a million vectors take half an hour each to build on one thread.
TABLES = ((100_000, 384, NAMES), (1_000_000, 384, WITHOUT_GRAPHS), (100_000, 1024, WITHOUT_GRAPHS))


@dataclass
class Measured:
    """What one index did in all rounds."""

    build_s: float
    ms: list[float] = field(default_factory=list)
    batch_ms: list[float] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    similarities: list[float] = field(default_factory=list)


def sentences(folder: Path) -> list[str]:
    """Every text of every JSON line in a folder, once, in an order of no meaning."""
    texts: dict[str, None] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            pair = json.loads(line)
            texts.update({pair[name]: None for name in ("a", "b", "text") if name in pair})
    listed = list(texts)
    return [listed[number] for number in np.random.default_rng(1).permutation(len(listed))]


def embedded(texts: Sequence[str], cached: Path) -> Vectors:
    """Embed the sentences, or read what an earlier run embedded (about 1.3 ms each)."""
    if not cached.exists() or len(np.load(cached, mmap_mode="r")) != len(texts):
        model = Model.load(MODELS, installed())
        cached.parent.mkdir(parents=True, exist_ok=True)
        np.save(
            cached,
            np.concatenate([model.embed(texts[i : i + 100]).vectors for i in range(0, len(texts), 100)]),
        )
    vectors: Vectors = np.load(cached)
    return vectors


def filled_up(real: Vectors, count: int) -> Vectors:
    """So many vectors: the real ones, then mixtures of two with noise, which crowd as near twins do."""
    rng = np.random.default_rng(2)
    found = [real[:count]]
    for start in range(len(real), count, 50_000):
        size = min(50_000, count - start)
        pairs = rng.integers(0, len(real), (2, size))
        share = rng.uniform(0.6, 0.95, (size, 1)).astype(np.float32)
        noise = rng.normal(0, 0.02, (size, real.shape[1])).astype(np.float32)
        found.append(unit(share * real[pairs[0]] + (1 - share) * real[pairs[1]] + noise))
    return np.concatenate(found)


def widened(vectors: Vectors, dimensions: int) -> Vectors:
    """Vectors of more dimensions with the same neighbours: one random layer."""
    if dimensions == vectors.shape[1]:
        return vectors
    weights = np.random.default_rng(3).normal(size=(vectors.shape[1], dimensions)) * 8
    layer = (weights / np.sqrt(vectors.shape[1])).astype(np.float32)
    return unit(np.tanh(vectors @ layer))


def unit(rows: Vectors) -> Vectors:
    """Scale rows to length one."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def install() -> Path:
    """Make the peers' environment, once; returns its interpreter."""
    return environments.install("index/peers", PACKAGES)


@contextlib.contextmanager
def built(name: str, peers: Path, folder: Path) -> Iterator[tuple[BenchProcess, Measured]]:
    """Run one index from the moment that it holds all vectors."""
    python = sys.executable if name in OWN else str(peers)
    files = (str(folder / "held.npy"), str(folder / "asked.npy"))
    process = BenchProcess([python, "-m", "tests.bench.index_peer", name, *files])
    try:
        assert process.hear() == "ready"
        process.say("build")
        # What was said at once is heard at once.
        while (line := process.hear().rpartition("\n")[2]) == "adding":
            pass
        yield process, Measured(float(line))
    finally:
        process.stop()


def measure(names: Sequence[str], peers: Path, folder: Path, rounds: int) -> dict[str, Measured]:
    """Ask all indexes the same questions, a part of them in each round."""
    found: dict[str, Measured] = {}
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(built(name, peers, folder)) for name in names}
        share = ASKED // rounds
        for number in range(rounds):
            part = f"{number * share} {(number + 1) * share}"
            for name, (process, measured) in running.items():
                answer = json.loads(process.ask(f"ask {part}"))
                measured.ms += answer["ms"]
                measured.ids += answer["ids"]
                measured.similarities += answer["similarities"]
                measured.batch_ms.append(
                    float(process.ask(f"batch {number * share} {number * share + BATCH}"))
                )
                found[name] = measured
    return found


def show(found: dict[str, Measured], folder: Path, threshold: float) -> None:
    """Print one table; recall counts a neighbour as near as the nearest."""
    held, asked = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("held", "asked"))
    best = np.array(found["plain"].similarities)
    floor = statistics.median(found["floor"].ms)
    print(
        f"{'':18}{'p50 ms':>8}{'p99 ms':>8}{'of floor':>9}{'of numpy':>9}{f'1 of {BATCH}, ms':>12}"
        f"{'recall@1':>9}{'decision':>9}{'build s':>8}"
    )
    numpy_ms = statistics.median(found["plain"].ms)
    for name, measured in found.items():
        p50, p99 = np.percentile(measured.ms, [50, 99])
        near = np.einsum("ij,ij->i", held[measured.ids], asked[: len(best)])
        # A rounded cosine decides by its rounding, not by what it stands for.
        told = np.array(measured.similarities)
        recall, same = (near >= best - AS_NEAR).mean(), ((told >= threshold) == (best >= threshold)).mean()
        judged = f"{recall:9.4f}{same:9.4f}" if name != "floor" else f"{'':18}"
        print(
            f"{name:18}{p50:8.3f}{p99:8.3f}{p50 / floor:9.3f}{p50 / numpy_ms:9.3f}"
            f"{statistics.median(measured.batch_ms):12.3f}{judged}{measured.build_s:8.1f}"
        )


def main() -> None:
    """Embed, install, build, ask, print: one table for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--texts", type=Path, default=ROOT / "tests" / "data", help="folder of JSON lines")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rows", type=int, default=TABLES[1][0], help="leave tables of more rows out")
    given = parser.parse_args()
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"  # for the processes that are started from here
    texts = sentences(given.texts)
    real = embedded(texts, FOLDER / f"{given.texts.resolve().name}.npy")
    peers = install()
    # The last are asked and not held.
    asked = min(ASKED, len(real) // 4)
    for count, dimensions, names in (table for table in TABLES if table[0] <= given.rows):
        held = filled_up(real[:-asked], count)
        questions = filled_up(real[-asked:], ASKED)
        print(f"\n{count:,} x {dimensions}, {min(count, len(real) - asked):,} of them real sentences")
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            np.save(Path(folder) / "held.npy", widened(held, dimensions))
            np.save(Path(folder) / "asked.npy", widened(questions, dimensions))
            found = measure(names, peers, Path(folder), given.rounds)
            show(found, Path(folder), LocalEmbedder.threshold)


if __name__ == "__main__":
    main()
