"""Keeps a worker's indexes equal to Redis: snapshot first, then every change in order."""

import asyncio
import logging

import msgspec
import numpy as np
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.wire.entry import IndexChange, IndexRow, decode_change, decode_row
from workers.semantic.index import PartitionIndex

logger = logging.getLogger(__name__)

BLOCK_MS = 1_000
CHANGES_PER_READ = 1_000
ROWS_PER_SCAN = 2_000
RECONNECT_PAUSE_S = 0.5


class IndexFeed:
    """The partitions that this worker has been asked about, each fed from Redis.

    `follow` must run; `partition` loads one on first use.
    """

    def __init__(self, redis: Redis, blocking: Redis, *, dimensions: int, capacity: int) -> None:
        self._redis = redis
        self._blocking = blocking
        self._dimensions = dimensions
        self._capacity = capacity
        self._indexes: dict[str, PartitionIndex] = {}
        self._loads: dict[str, asyncio.Task[None]] = {}
        # Entries that a change touched while their snapshot was still being read: the change is newer.
        self._touched: dict[str, set[str]] = {}
        self._position: bytes | None = None

    async def partition(self, name: str) -> PartitionIndex:
        """Return an index that holds at least all changes up to this call; raises RedisError."""
        while True:
            load = self._loads.get(name)
            if load is None or (load.done() and (load.cancelled() or load.exception() is not None)):
                self._indexes[name] = PartitionIndex(self._dimensions, self._capacity)
                load = self._loads[name] = asyncio.create_task(self._load(name))
            # Waited for, not awaited: a caller that gives up must not stop the load that others wait for,
            # and a load that a reset has cancelled must not look like a caller's own cancellation.
            await asyncio.wait({load})
            if self._loads.get(name) is load and not load.cancelled():
                load.result()
                return self._indexes[name]

    async def follow(self) -> None:
        """Apply changes as they come, for ever; a gap in them empties every index for a new load."""
        while True:
            try:
                if await self._has_gap():
                    self.reset()
                await self._read_changes()
            except (RedisError, OSError) as error:
                logger.warning("index feed interrupted", extra={"error": type(error).__name__})
                await asyncio.sleep(RECONNECT_PAUSE_S)

    def reset(self) -> None:
        """Forget every index; the next question of each partition loads it again."""
        for load in self._loads.values():
            load.cancel()
        self._indexes.clear()
        self._loads.clear()
        self._touched.clear()

    async def _load(self, name: str) -> None:
        touched = self._touched[name] = set()
        index = self._indexes[name]
        cursor = 0
        while True:
            cursor, rows = await self._redis.hscan(keys.index(name), cursor, count=ROWS_PER_SCAN)
            for field, data in rows.items():
                entry_id = field.decode()
                if entry_id not in touched:
                    _put(index, entry_id, decode_row(data))
            if cursor == 0:
                break
        self._touched.pop(name, None)

    async def _has_gap(self) -> bool:
        """Find where to read on from; true when changes were trimmed or lost since the last one read."""
        newest = await self._redis.xrevrange(keys.index_changes(), count=1)
        oldest = await self._redis.xrange(keys.index_changes(), count=1)
        before = self._position
        last = newest[0][0] if newest else b"0-0"
        if before is None or _order(last) < _order(before):
            self._position = last
            return True
        return bool(oldest) and _order(oldest[0][0]) > _order(before)

    async def _read_changes(self) -> None:
        """Apply changes until there are none for a while, when the stream itself is worth a check."""
        while streams := await self._blocking.xread(
            {keys.index_changes(): self._position or b"0-0"}, count=CHANGES_PER_READ, block=BLOCK_MS
        ):
            for _, changes in streams:
                for change_id, fields in changes:
                    self._position = change_id
                    self._apply(fields)

    def _apply(self, fields: dict[bytes, bytes]) -> None:
        try:
            change: IndexChange = decode_change(fields[b"change"])
        except (KeyError, msgspec.DecodeError):
            logger.warning("index change unreadable")
            return
        index = self._indexes.get(change.partition)
        if index is None:
            return
        if change.partition in self._touched:
            self._touched[change.partition].add(change.entry_id)
        if change.op == "put" and change.row is not None:
            _put(index, change.entry_id, change.row)
        else:
            index.remove(change.entry_id)


def _put(index: PartitionIndex, entry_id: str, row: IndexRow) -> None:
    try:
        index.upsert(entry_id, np.frombuffer(row.vector, dtype="<f4"), row.expires_at_ms)
    except ValueError:
        # Of another length, or not finite: one bad row must not end the feed of all others.
        logger.warning("index row unusable", extra={"entry_id": entry_id})


def _order(stream_id: bytes) -> tuple[int, int]:
    milliseconds, _, sequence = stream_id.partition(b"-")
    return int(milliseconds), int(sequence)
