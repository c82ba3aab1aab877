"""One index in a process of its own: `python -m tests.bench.index_peer NAME HELD.npy ASKED.npy`.

Says `ready`; answers `build` with `adding` lines and then the seconds that it took, `ask FROM TO` and
`batch FROM TO` with a JSON object. Runs in the environment of its library, so it imports ours only when asked
to be ours. Everything is on one thread.
"""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vectors: TypeAlias = NDArray[np.float32]
Found: TypeAlias = tuple[int, float]
Search: TypeAlias = Callable[[Vectors], list[Found]]

AT_ONCE = 5_000
NEIGHBOURS = 32
"""Links per vertex of every HNSW graph; built with 128 candidates, searched with 128."""
BREADTH = 128


def pieces(held: Vectors) -> Iterator[tuple[int, Vectors]]:
    """Hand the vectors on piece by piece, saying so."""
    for start in range(0, len(held), AT_ONCE):
        print("adding", flush=True)
        yield start, held[start : start + AT_ONCE]


def floor(held: Vectors) -> Search:
    """Read every vector once and compare nothing: what memory alone allows."""
    words = held.reshape(-1).view(np.uint64)

    def search(asked: Vectors) -> list[Found]:
        np.bitwise_xor.reduce(words)
        return [(0, 1.0)] * len(asked)

    return search


def plain(held: Vectors) -> Search:
    """Multiply by all vectors with numpy, in float32."""

    def search(asked: Vectors) -> list[Found]:
        scores = asked @ held.T if len(asked) > 1 else (held @ asked[0])[np.newaxis]
        return [(int(row.argmax()), float(row.max())) for row in scores]

    return search


def ours(held: Vectors) -> Search:
    """Use the index of this project, with its codes learnt."""
    from workers.semantic.index import PartitionIndex  # noqa: PLC0415 - another environment has it not

    index = PartitionIndex(held.shape[1], len(held) + 1_000)
    expires_at_ms = 10**15
    for start, piece in pieces(held):
        ids = [str(start + row) for row in range(len(piece))]
        index.upsert_many(ids, piece, [expires_at_ms] * len(ids))
    retune = index.retune()
    if retune is not None:
        retune.learn()
        while not index.adopt(retune):
            retune.catch_up()

    def search(asked: Vectors) -> list[Found]:
        found = index.nearest_many(asked, 1, 0)
        return [(int(best.entry_id), best.similarity) for [best] in found]

    return search


def hnswlib_hnsw(held: Vectors) -> Search:
    """Search hnswlib's graph."""
    hnswlib: Any = importlib.import_module("hnswlib")

    index = hnswlib.Index(space="ip", dim=held.shape[1])
    index.init_index(len(held), M=NEIGHBOURS // 2, ef_construction=BREADTH)
    index.set_num_threads(1)
    for start, piece in pieces(held):
        index.add_items(piece, np.arange(start, start + len(piece)))
    index.set_ef(BREADTH)

    def search(asked: Vectors) -> list[Found]:
        labels, distances = index.knn_query(asked, k=1)
        return [(int(i), 1 - float(d)) for i, d in zip(labels[:, 0], distances[:, 0], strict=True)]

    return search


def _usearch(held: Vectors, dtype: str, *, exact: bool) -> Search:
    usearch: Any = importlib.import_module("usearch.index")

    index = usearch.Index(
        ndim=held.shape[1],
        metric="cos",
        dtype=dtype,
        connectivity=NEIGHBOURS // 2,
        expansion_add=1 if exact else BREADTH,
        expansion_search=BREADTH,
    )
    for start, piece in pieces(held):
        index.add(np.arange(start, start + len(piece)), piece, threads=1)

    def search(asked: Vectors) -> list[Found]:
        found = index.search(asked, 1, threads=1, exact=exact)
        keys, distances = np.reshape(found.keys, -1), np.reshape(found.distances, -1)
        return [(int(i), 1 - float(d)) for i, d in zip(keys, distances, strict=True)]

    return search


def usearch_exact_i8(held: Vectors) -> Search:
    """Compare all vectors in int8."""
    return _usearch(held, "i8", exact=True)


def usearch_hnsw(held: Vectors) -> Search:
    """Search usearch's graph."""
    return _usearch(held, "f32", exact=False)


def _faiss(held: Vectors, index: Any) -> Search:
    faiss: Any = importlib.import_module("faiss")

    faiss.omp_set_num_threads(1)
    if not index.is_trained:
        index.train(held[:AT_ONCE])
    for _, piece in pieces(held):
        index.add(piece)

    def search(asked: Vectors) -> list[Found]:
        scores, labels = index.search(asked, 1)
        return [(int(i), float(s)) for i, s in zip(labels[:, 0], scores[:, 0], strict=True)]

    return search


def faiss_flat(held: Vectors) -> Search:
    """Compare all vectors in float32."""
    faiss: Any = importlib.import_module("faiss")

    return _faiss(held, faiss.IndexFlatIP(held.shape[1]))


def faiss_fp16(held: Vectors) -> Search:
    """Compare all vectors in float16."""
    faiss: Any = importlib.import_module("faiss")

    kind = faiss.ScalarQuantizer.QT_fp16
    return _faiss(held, faiss.IndexScalarQuantizer(held.shape[1], kind, faiss.METRIC_INNER_PRODUCT))


def faiss_hnsw(held: Vectors) -> Search:
    """Search faiss's graph."""
    faiss: Any = importlib.import_module("faiss")

    index = faiss.IndexHNSWFlat(held.shape[1], NEIGHBOURS // 2, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = index.hnsw.efSearch = BREADTH
    return _faiss(held, index)


KINDS = (
    floor,
    plain,
    ours,
    usearch_exact_i8,
    faiss_flat,
    faiss_fp16,
    usearch_hnsw,
    hnswlib_hnsw,
    faiss_hnsw,
)


def timed(search: Search, asked: Vectors) -> dict[str, list[Any]]:
    """Ask one by one; milliseconds, and what was found."""
    taken, found = [], []
    for row in range(len(asked)):
        started = time.perf_counter()
        found += search(asked[row : row + 1])
        taken.append((time.perf_counter() - started) * 1000)
    return {"ms": taken, "ids": [i for i, _ in found], "similarities": [s for _, s in found]}


def main() -> None:
    """Serve lines until they end."""
    name, held_path, asked_path = sys.argv[1:]
    held, asked = np.load(held_path), np.load(asked_path)
    search: Search = plain(held)
    print("ready", flush=True)
    for line in sys.stdin:
        verb, *numbers = line.split()
        started = time.perf_counter()
        if verb == "build":
            search = {kind.__name__: kind for kind in KINDS}[name](held)
            print(time.perf_counter() - started, flush=True)
            continue
        first, last = map(int, numbers)
        if verb == "ask":
            print(json.dumps(timed(search, asked[first:last])), flush=True)
        else:
            search(asked[first:last])
            print((time.perf_counter() - started) * 1000 / (last - first), flush=True)


if __name__ == "__main__":
    main()
