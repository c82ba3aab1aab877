"""The vector index as a section: numpy as the floor's neighbour, and libraries from their packages."""

import os
import statistics
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench import index
from tests.bench.rows import Row
from tests.support.stack import ROOT

COUNT: Final = 100_000
DIMENSIONS: Final = 384
ROUNDS: Final = 3
NOTE: Final = (
    f"{COUNT:,} vectors of {DIMENSIONS}, one thread each. The floor reads the vectors from memory once; "
    "`plain` is one numpy product. Recall counts a neighbour as near as the nearest. `make bench-index` has "
    "other sizes."
)


def measure() -> list[Row]:
    """Ask all indexes the same questions."""
    for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[threads] = "1"
    texts = index.sentences(ROOT / "tests" / "data")
    real = index.embedded(texts, index.FOLDER / "data.npy")
    peers, asked = index.install(), min(index.ASKED, len(real) // 4)
    with tempfile.TemporaryDirectory(dir=index.FOLDER) as name:
        folder = Path(name)
        np.save(folder / "held.npy", index.filled_up(real[:-asked], COUNT))
        np.save(folder / "asked.npy", index.filled_up(real[-asked:], index.ASKED))
        found = index.measure(index.NAMES, peers, folder, ROUNDS)
        return [_row(kind, found, folder) for kind in found]


def _row(name: str, found: dict[str, index.Measured], folder: Path) -> Row:
    measured, floor = found[name], statistics.median(found["floor"].ms)
    p50, p99 = np.percentile(measured.ms, [50, 99])
    figures = {"p50 ms": [float(p50)], "p99 ms": [float(p99)], "build s": [measured.build_s]}
    if name != "floor":
        held, asked = (np.load(folder / f"{one}.npy", mmap_mode="r") for one in ("held", "asked"))
        best = np.array(found["plain"].similarities)
        near = np.einsum("ij,ij->i", held[measured.ids], asked[: len(best)])
        figures["recall"] = [float((near >= best - index.AS_NEAR).mean())]
    return Row(what=name, figures=figures, of={"of floor": [float(p50) / floor]})
