"""Moves a running fleet's vectors between the workers' memory and a search engine, and loses none.

Both places are written from the first step, the old one is searched until the copy is whole, and what is in
the old one is deleted last. A move that was interrupted is started again, and copies only what is missing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeAlias

import msgspec
from redis.asyncio import Redis

from shared.index_place import Place, move_place, read_place
from shared.redis import keys
from shared.redis.scripts import Call, script
from shared.vector_documents import ensure_index, share_indexed
from shared.wire.entry import IndexRow, decode_row, encode

AT_ONCE: Final = 50
"""Vectors in one round trip: adding one to a large graph takes Redis milliseconds."""
LOOK_S: Final = 0.2
GRACE_S: Final = 3.0
"""Workers look where to search every second; until they have, the old place must answer."""

Progress: TypeAlias = Callable[[int, int], None]
"""Hears of how many of how many partitions, or documents, have been looked at."""


class Moved(msgspec.Struct, frozen=True):
    """How many vectors there were, and how many of them had to be copied."""

    seen: int
    copied: int


async def reindex(redis: Redis, to: Place, tell: Progress, *, grace_s: float = GRACE_S) -> Moved:
    """Move all vectors to a place; raises RedisError, and then it is started again."""
    state = await read_place(redis)
    if state == to:
        return Moved(0, 0)
    await move_place(redis, "memory>redis" if to == "redis" else "redis>memory")
    moved = await (_to_documents(redis, tell) if to == "redis" else _to_snapshots(redis, tell))
    await move_place(redis, to)
    await asyncio.sleep(grace_s)
    async for old in _keys(redis, keys.index("") if to == "redis" else keys.VECTOR_PREFIX):
        await redis.unlink(*old)
    return moved


async def _to_documents(redis: Redis, tell: Progress) -> Moved:
    partitions = [name async for names in _keys(redis, keys.index("")) for name in names]
    moved, spaces = Moved(0, 0), dict[str, int]()
    for done, key in enumerate(partitions, start=1):
        partition = key.removeprefix(keys.index(""))
        async for rows in _rows(redis, key):
            space = partition.partition(":")[2]
            if space not in spaces:
                spaces[space] = len(next(iter(rows.values())).vector) // 4
                await ensure_index(redis, space, spaces[space])
            copied = await script("copy_vector").run_all(redis, _documents(partition, rows))
            moved = _counted(moved, copied)
        tell(done, len(partitions))
    for space in spaces:
        await _indexed(redis, space)
    return moved


async def _indexed(redis: Redis, space: str) -> None:
    """Wait for the engine: documents that were there before their index are added in its own time."""
    while await share_indexed(redis, space) < 1:  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(LOOK_S)


async def _to_snapshots(redis: Redis, tell: Progress) -> Moved:
    documents = [name async for names in _keys(redis, keys.VECTOR_PREFIX) for name in names]
    moved = Moved(0, 0)
    for start in range(0, len(documents), AT_ONCE):
        part = documents[start : start + AT_ONCE]
        async with redis.pipeline(transaction=False) as pipe:
            for key in part:
                pipe.hmget(key, ["vector", "expires_at_ms"])
            found = await pipe.execute()
        calls = [_row(key, *fields) for key, fields in zip(part, found, strict=True) if None not in fields]
        moved = _counted(moved, await script("copy_row").run_all(redis, calls) if calls else [])
        tell(min(start + AT_ONCE, len(documents)), len(documents))
    return moved


def _documents(partition: str, rows: dict[str, IndexRow]) -> list[Call]:
    digest = partition.partition(":")[0]
    return [
        ([keys.entry(entry_id), keys.vector(partition, entry_id)], [digest, row.vector, row.expires_at_ms])
        for entry_id, row in rows.items()
    ]


def _row(key: str, vector: bytes, expires_at_ms: bytes) -> Call:
    rest, _, entry_id = key.removeprefix(keys.VECTOR_PREFIX).rpartition(":")
    space, _, digest = rest.rpartition(":")
    row = IndexRow(vector=vector, expires_at_ms=int(expires_at_ms))
    return [keys.entry(entry_id), keys.index(f"{digest}:{space}")], [entry_id, encode(row)]


def _counted(moved: Moved, replies: list[Any]) -> Moved:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return Moved(moved.seen + len(replies), moved.copied + sum(replies))


async def _keys(redis: Redis, prefix: str) -> AsyncIterator[list[str]]:
    cursor = 0
    while True:
        cursor, found = await redis.scan(cursor, match=f"{prefix}*", count=1_000)
        if found:
            yield [name.decode() for name in found]
        if cursor == 0:
            return


async def _rows(redis: Redis, key: str) -> AsyncIterator[dict[str, IndexRow]]:
    cursor = 0
    while True:
        cursor, found = await redis.hscan(key, cursor, count=AT_ONCE)
        if found:
            yield {entry_id.decode(): decode_row(data) for entry_id, data in found.items()}
        if cursor == 0:
            return
