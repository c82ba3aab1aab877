"""The stored answers as they can be looked through: the newest, and the most used.

Both lists are bounded, and hits are counted in each process and written once a second: looking through the
cache costs callers nothing.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.cache import decoded
from shared.redis import keys
from shared.redis.connect import translated
from shared.wire.entry import Entry

LISTED: Final = 10_000
"""Entries on each list; store_entry.lua knows the number, too."""
EVERY_S: Final = 1.0
Order = Literal["newest", "hits"]


class Listed(Struct, frozen=True, kw_only=True):
    """An entry and how often it was served, about."""

    entry: Entry
    hits: int


class EntryHits:
    """The hits that one process has seen; `run` must run, and `write` once more at the end."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._counts: Counter[str] = Counter()

    def count(self, entry_id: str) -> None:
        """Count one answer served from an entry."""
        self._counts[entry_id] += 1

    async def run(self) -> None:
        """Write every second, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what has gathered; what cannot be written is forgotten."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        with contextlib.suppress(RedisError, OSError):
            async with self._cache.pipeline(transaction=False) as pipe:
                for entry_id, hits in counts.most_common(LISTED):
                    pipe.zincrby(keys.entry_hits(), hits, entry_id)
                pipe.zremrangebyrank(keys.entry_hits(), 0, -LISTED - 1)
                await pipe.execute()


class EntryList:
    """The entries of one cache Redis; every method raises RedisUnavailable."""

    def __init__(self, cache: Redis, *, deadline_s: float | None = None) -> None:
        self._cache = cache
        self._deadline_s = deadline_s

    async def page(self, by: Order, *, start: int = 0, count: int = 50) -> tuple[list[Listed], int]:
        """Read entries in an order, and how many are listed; those that are gone leave the list."""
        place = keys.entries() if by == "newest" else keys.entry_hits()
        async with translated(), asyncio.timeout(self._deadline_s):
            async with self._cache.pipeline(transaction=False) as pipe:
                pipe.zrevrange(place, start, start + count - 1)
                pipe.zcard(place)
                ids, total = await pipe.execute()
            names = [entry_id.decode() for entry_id in ids]
            found = await self._read(names)
            gone = [name for name in names if name not in found]
            if gone:
                await self._cache.zrem(place, *gone)
        return [found[name] for name in names if name in found], int(total)

    async def one(self, entry_id: str) -> Listed | None:
        """Read one entry."""
        async with translated(), asyncio.timeout(self._deadline_s):
            return (await self._read([entry_id])).get(entry_id)

    async def named(self, entry_ids: Sequence[str]) -> dict[str, Listed]:
        """Read some entries by their ids; those that are gone are left out."""
        async with translated(), asyncio.timeout(self._deadline_s):
            return await self._read(list(entry_ids))

    async def _read(self, names: list[str]) -> dict[str, Listed]:
        async with self._cache.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hget(keys.entry(name), "data")
                pipe.zscore(keys.entry_hits(), name)
            flat = await pipe.execute()
        found: dict[str, Listed] = {}
        for name, data, hits in zip(names, flat[::2], flat[1::2], strict=True):
            entry = decoded(data)
            if entry is not None:
                found[name] = Listed(entry=entry, hits=int(hits or 0))
        return found
