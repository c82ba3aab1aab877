"""Neighbours from a Redis that has a search engine: for more vectors than one worker's memory holds."""

import logging
import time
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.redis import keys
from shared.vector_documents import count_documents, ensure_index
from workers.semantic.embedder import Vectors
from workers.semantic.neighbours import Neighbour

logger = logging.getLogger(__name__)

BREADTH = 200
"""Candidates that a search keeps; with fewer, HNSW finds the nearest less often."""
SCAN_US = 0.7
WALK_US = 1_000.0
KNOWN_S = 60.0
PARTITIONS_KNOWN = 10_000
_NO_INDEX = ("no such index", "unknown index name")


class _Known(NamedTuple):
    scans: bool
    until: float


class EngineIndex:
    """The vectors of one embedder (`space` is its name) as documents, searched there."""

    def __init__(self, redis: Redis, space: str, dimensions: int) -> None:
        self._redis: Any = redis  # redis-py does not know what a search answers
        self._space = space
        self._dimensions = dimensions
        self._known: dict[str, _Known] = {}

    async def open(self) -> None:
        """Make the search index if need be; raises RedisError, also when the server cannot search."""
        await ensure_index(self._redis, self._space, self._dimensions)

    async def nearest(self, partition: str, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries not expired at `now_ms`, most similar first.

        Raises RedisError, and ValueError when the vector's shape differs.
        """
        if vector.shape != (self._dimensions,):
            raise ValueError(f"not {self._dimensions} numbers")
        if k < 1:
            return []
        try:
            found = await self._search(partition.partition(":")[0], vector, k)
        except ResponseError as error:
            if not any(said in str(error).lower() for said in _NO_INDEX):
                raise
            # Flushed, or a new server: what is stored from now on is found.
            logger.warning("search index missing, making it")
            await self.open()
            return []
        return [neighbour for neighbour, expires_at_ms in found if expires_at_ms > now_ms]

    async def _search(self, digest: str, vector: Vectors, k: int) -> list[tuple[Neighbour, int]]:
        # The engine's own choice between the two was measured to be thirty times too slow.
        scans = await self._scans(digest)
        how = "HYBRID_POLICY ADHOC_BF" if scans else f"HYBRID_POLICY BATCHES EF_RUNTIME {max(BREADTH, k)}"
        found = await self._redis.execute_command(
            *("FT.SEARCH", keys.vectors(self._space)),
            f"(@partition:{{$partition}})=>[KNN $k @vector $vector {how} AS distance]",
            *("PARAMS", 6, "partition", digest, "k", k, "vector", vector.astype("<f4").tobytes()),
            *("SORTBY", "distance", "LIMIT", 0, k),
            *("RETURN", 2, "distance", "expires_at_ms", "DIALECT", 2),
        )
        # A document that expires in this moment comes without its fields.
        documents = zip(found[1::2], found[2::2], strict=True)
        return [_neighbour(key, fields) for key, fields in documents if fields]

    async def _scans(self, digest: str) -> bool:
        """Whether comparing all of a partition is cheaper than walking the graph past everybody else's."""
        known = self._known.get(digest)
        if known is None or known.until < time.monotonic():
            if len(self._known) >= PARTITIONS_KNOWN:
                self._known.clear()
            known = self._known[digest] = _Known(await self._pays(digest), time.monotonic() + KNOWN_S)
        return known.scans

    async def _pays(self, digest: str) -> bool:
        counted = await self._redis.execute_command(
            *("FT.SEARCH", keys.vectors(self._space), "@partition:{$partition}", "LIMIT", 0, 0),
            *("PARAMS", 2, "partition", digest, "DIALECT", 2),
        )
        held = await count_documents(self._redis, self._space)
        return scanning_pays(int(counted[0]), held)


def scanning_pays(partition: int, held: int) -> bool:
    """Compare the cost of a scan, which grows with the partition, with that of a walk, which shrinks with it.

    A comparison takes 0.7 us; a walk 1 ms in a partition that is all there is, and more the rarer its own
    documents are among those that it meets.
    """
    return partition * partition * SCAN_US <= held * WALK_US


def _neighbour(key: bytes, fields: list[bytes]) -> tuple[Neighbour, int]:
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    # The engine's cosine distance is one minus the cosine.
    similarity = 1 - float(values[b"distance"])
    entry_id = key.decode().rpartition(":")[2]
    return Neighbour(entry_id, similarity), int(values.get(b"expires_at_ms", 0))
