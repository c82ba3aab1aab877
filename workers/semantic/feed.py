"""Keeps a worker's indexes equal to Redis: snapshot first, then every change in order."""

import asyncio
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.redis import keys
from shared.tasks import cancel
from shared.wire.entry import IndexChange, decode_change
from workers.semantic.embedder import Vectors
from workers.semantic.index import PartitionIndex
from workers.semantic.neighbours import Neighbour
from workers.semantic.rows import ROW_OVERHEAD
from workers.semantic.search import Searcher
from workers.semantic.snapshot import put, put_all, read_snapshot, sweep

logger = logging.getLogger(__name__)

BLOCK_MS = 1_000
CHANGES_PER_READ = 200
EXPIRED_PER_LOOK = 1_000
LOADS_AT_ONCE = 4
RECONNECT_PAUSE_S = 0.5
MEMORY_BYTES = 1 << 30


@dataclass(slots=True, eq=False)
class _Partition:
    """`index` is searched, and stays so while `filling` is loaded to take its place.

    `touched` are the entries that a change wrote since that load began: the change is newer.
    """

    index: PartitionIndex | None = None
    filling: PartitionIndex | None = None
    touched: set[str] = field(default_factory=set)
    load: asyncio.Task[None] | None = None
    stale: bool = True


class IndexFeed:
    """The partitions that this worker has been asked about, each fed from Redis.

    `follow` must run; a partition is loaded on first use and, when changes were lost, again in the
    background. Beyond `memory_bytes` the partition that was asked longest ago is forgotten.
    """

    def __init__(
        self,
        redis: Redis,
        blocking: Redis,
        *,
        dimensions: int,
        capacity: int,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._redis = redis
        self._blocking = blocking
        self._dimensions = dimensions
        self._capacity = max(1, min(capacity, memory_bytes // (4 * dimensions + ROW_OVERHEAD)))
        self._memory_bytes = memory_bytes
        self._held: OrderedDict[str, _Partition] = OrderedDict()
        self._loading = asyncio.Semaphore(LOADS_AT_ONCE)
        self._searcher = Searcher()
        self._position: bytes | None = None

    async def nearest(self, partition: str, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries of a partition not expired at `now_ms`, most similar first.

        Raises RedisError when the partition cannot be loaded, ValueError when the vector's shape differs.
        """
        return await self._searcher.nearest(await self.partition(partition), vector, k, now_ms)

    async def partition(self, name: str) -> PartitionIndex:
        """Return an index that is loaded and follows all changes; raises RedisError."""
        while True:
            held = self._held.setdefault(name, _Partition())
            self._held.move_to_end(name)
            if held.index is not None:
                return held.index
            load = held.load
            if load is None or load.done():
                load = self._start(name, held)
            # Waited for, not awaited: a caller that gives up must not stop the load that others wait for,
            # and a load that another replaces must not look like a caller's own cancellation.
            await asyncio.wait({load})
            if held.load is load and not load.cancelled():
                load.result()

    async def follow(self) -> None:
        """Apply changes as they come, for ever; a gap in them starts a new load of every index."""
        try:
            while True:
                try:
                    if await self._has_gap(self._position):
                        await self._restart()
                    await self._read_changes()
                    await self._tend()
                except (RedisError, OSError) as error:
                    logger.warning("index feed interrupted", extra={"error": type(error).__name__})
                    await asyncio.sleep(RECONNECT_PAUSE_S)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Stop what runs beside the event loop; nothing is lost."""
        loads = [held.load for held in self._held.values() if held.load is not None]
        await cancel(loads)
        await self._searcher.aclose()

    def reload(self) -> None:
        """Load every index anew; until that has happened the old ones are searched."""
        metrics.index_reloads.inc()
        for name, held in self._held.items():
            held.stale = True
            if held.load is not None:
                held.load.cancel()
            self._start(name, held)

    def forget(self) -> None:
        """Free every index; a partition that is asked again is loaded again."""
        for held in self._held.values():
            if held.load is not None:
                held.load.cancel()
        self._held.clear()
        metrics.index_bytes.set(0)
        metrics.index_entries.set(0)

    def _start(self, name: str, held: _Partition) -> asyncio.Task[None]:
        held.load = asyncio.create_task(self._load(name, held))
        # Whoever wanted it may have left before it failed, and whoever comes next begins another.
        held.load.add_done_callback(lambda load: load.cancelled() or load.exception())
        return held.load

    async def _load(self, name: str, held: _Partition) -> None:
        async with self._loading:
            index = held.filling = PartitionIndex(self._dimensions, self._capacity)
            touched = held.touched = set()
            try:
                async for rows in read_snapshot(self._redis, name):
                    put_all(index, [row for row in rows if row[0] not in touched])
                held.index, held.stale = index, False
            finally:
                if held.filling is index:
                    held.filling = None
        self._searcher.tune(index)
        self._fit_memory()

    async def _has_gap(self, position: bytes | None) -> bool:
        """Whether changes after this one may be lost: trimmed, flushed, or gone with an earlier Redis.

        While the change that was read last is still in the stream, so is all that follows it.
        """
        if position == b"0-0":
            return False
        return position is None or not await self._redis.xrange(keys.index_changes(), position, position)

    async def _restart(self) -> None:
        newest = await self._redis.xrevrange(keys.index_changes(), count=1)
        self._position = newest[0][0] if newest else b"0-0"
        self.reload()

    async def _read_changes(self) -> None:
        """Apply changes for a second; without any, the stream itself is worth a check."""
        until = time.monotonic() + BLOCK_MS / 1000
        while time.monotonic() < until:
            before = self._position
            streams = await self._blocking.xread(
                {keys.index_changes(): before or b"0-0"}, count=CHANGES_PER_READ, block=BLOCK_MS
            )
            if not streams:
                return
            for change_id, fields in streams[0][1]:
                self._position = change_id
                self._apply(fields)
            if await self._has_gap(before):
                await self._restart()

    async def _tend(self) -> None:
        """What time brings: entries expire, indexes outgrow their codes, memory fills, loads have failed."""
        seconds, micros = await self._redis.time()
        for name, held in list(self._held.items()):
            if held.index is not None:
                expired = held.index.expire(seconds * 1000 + micros // 1000, EXPIRED_PER_LOOK)
                await sweep(self._redis, name, expired)
                self._searcher.tune(held.index)
            if held.stale and (held.load is None or held.load.done()):
                self._start(name, held)
        self._fit_memory()

    def _fit_memory(self) -> None:
        sizes = {name: held.index.nbytes for name, held in self._held.items() if held.index is not None}
        used = sum(sizes.values())
        for name in list(sizes)[:-1]:
            if used <= self._memory_bytes:
                break
            held = self._held.pop(name)
            if held.load is not None:
                held.load.cancel()
            used -= sizes.pop(name)
            metrics.index_evictions.labels("partition").inc()
        metrics.index_bytes.set(used)
        metrics.index_entries.set(sum(len(h.index) for h in self._held.values() if h.index is not None))

    def _apply(self, fields: dict[bytes, bytes]) -> None:
        try:
            change: IndexChange = decode_change(fields[b"change"])
        except (KeyError, msgspec.DecodeError):
            logger.warning("index change unreadable")
            return
        held = self._held.get(change.partition)
        if held is None:
            return
        if held.filling is not None:
            held.touched.add(change.entry_id)
        for index in (held.index, held.filling):
            if index is None:
                continue
            if change.op == "put" and change.row is not None:
                put(index, change.entry_id, change.row)
            else:
                index.remove(change.entry_id)
