"""A partition as it lies in Redis: read in pieces, put into an index, and rid of what has expired."""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import TypeAlias

import msgspec
import numpy as np
from redis.asyncio import Redis

from shared import metrics
from shared.redis import keys
from shared.redis.scripts import script
from shared.wire.entry import IndexRow, decode_row
from workers.semantic.index import PartitionIndex

logger = logging.getLogger(__name__)

# About 2 ms of work: between two pieces the event loop does something else.
ROWS_PER_SCAN = 500
SWEPT_AT_ONCE = 200

Stored: TypeAlias = tuple[str, IndexRow]


async def read_snapshot(redis: Redis, partition: str) -> AsyncIterator[list[Stored]]:
    """Yield a partition's rows in pieces, every one that was there throughout at least once."""
    cursor = 0
    while True:
        cursor, found = await redis.hscan(keys.index(partition), cursor, count=ROWS_PER_SCAN)
        yield [(entry_id.decode(), row) for entry_id, data in found.items() if (row := _row(entry_id, data))]
        if cursor == 0:
            return


def put_all(index: PartitionIndex, stored: Sequence[Stored]) -> None:
    """Put rows into an index, leaving out those that do not fit into it."""
    expected = 4 * index.dimensions
    fitting = [(entry_id, row) for entry_id, row in stored if len(row.vector) == expected]
    vectors = np.frombuffer(b"".join(row.vector for _, row in fitting), dtype="<f4")
    vectors = vectors.reshape(len(fitting), index.dimensions)
    if len(fitting) < len(stored) or not np.isfinite(vectors).all():
        for entry_id, row in stored:
            put(index, entry_id, row)
        return
    ids, expiries = [entry_id for entry_id, _ in fitting], [row.expires_at_ms for _, row in fitting]
    evicted = index.upsert_many(ids, vectors, expiries)
    if evicted:
        metrics.index_evictions.labels("entry").inc(len(evicted))


def put(index: PartitionIndex, entry_id: str, row: IndexRow) -> None:
    """Put one row into an index; one that does not fit must not end the feed of all others."""
    try:
        evicted = index.upsert(entry_id, np.frombuffer(row.vector, dtype="<f4"), row.expires_at_ms)
    except ValueError:
        logger.warning("index row unusable", extra={"entry_id": entry_id})
        return
    if evicted is not None:
        metrics.index_evictions.labels("entry").inc()


async def sweep(redis: Redis, partition: str, expired: Sequence[str]) -> None:
    """Take rows whose entries are gone out of the snapshot; every worker may do so, one of them will."""
    for start in range(0, len(expired), SWEPT_AT_ONCE):
        ids = expired[start : start + SWEPT_AT_ONCE]
        places = [keys.index(partition), *map(keys.entry, ids)]
        await script("sweep_index").run(redis, places, list(ids))


def _row(entry_id: bytes, data: bytes) -> IndexRow | None:
    try:
        return decode_row(data)
    except msgspec.DecodeError:
        logger.warning("index row unreadable", extra={"entry_id": entry_id.decode()})
        return None
