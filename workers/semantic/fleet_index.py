"""The index that the fleet uses now: its workers' memory or a search engine; it changes without a restart."""

import asyncio
import logging

import msgspec
import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.index_place import Place, searched, settle_place
from shared.redis import keys
from shared.wire.entry import decode_row
from workers.semantic.embedder import Vectors
from workers.semantic.engine_index import EngineIndex
from workers.semantic.feed import IndexFeed
from workers.semantic.neighbours import Neighbour

logger = logging.getLogger(__name__)

LOOK_S = 1.0


class FleetIndex:
    """Searches where the fleet's vectors are; `preferred` holds for a fleet that has none yet."""

    def __init__(self, redis: Redis, feed: IndexFeed, engine: EngineIndex, preferred: Place) -> None:
        self._redis = redis
        self._feed = feed
        self._engine = engine
        self._preferred: Place = preferred
        self._place: Place | None = None

    async def nearest(self, partition: str, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries of a partition not expired at `now_ms`, most similar first.

        Raises SearchError or RedisError when it cannot, ValueError when the vector's shape differs.
        """
        if self._place is None:
            await self.look()
        index = self._engine if self._place == "redis" else self._feed
        return await index.nearest(partition, vector, k, now_ms)

    async def vector(self, partition: str, entry_id: str) -> Vectors | None:
        """Return the vector that is stored for an entry, wherever it is; None when there is none.

        Raises RedisError.
        """
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(keys.index(partition), entry_id)
            pipe.hget(keys.vector(partition, entry_id), "vector")
            row, document = await pipe.execute()
        try:
            data = document if row is None else decode_row(row).vector
            return None if data is None else np.frombuffer(data, dtype="<f4")
        except (msgspec.DecodeError, ValueError):
            logger.warning("stored vector unreadable", extra={"entry_id": entry_id})
            return None

    async def follow(self) -> None:
        """Follow the changes of the vectors and of their place, for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed.follow())
            group.create_task(self._watch())

    async def look(self) -> None:
        """Learn where the fleet searches now; raises RedisError."""
        place = searched(await settle_place(self._redis, self._preferred))
        if place == self._place:
            return
        if place == "redis":
            await self._engine.open()
            self._feed.forget()
        if place != self._preferred:
            logger.warning(
                "vectors are not where SENTINEL_INDEX says: `sentinel cache reindex` moves them",
                extra={"place": place},
            )
        self._place = place

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except (RedisError, OSError) as error:
                logger.warning("place of the vectors unknown", extra={"error": type(error).__name__})
            await asyncio.sleep(LOOK_S)
