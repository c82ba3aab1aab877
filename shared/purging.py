"""What stored answers can be purged by, and the marks that purge them: O(1) however many there are.

A mark says: whatever was asked for until then is gone. Readers compare it with when an entry's attempt was
claimed, in the round trip that reads the entry, and so does the storing of an answer that was under way. The
marks of a tenant are one hash on the cache Redis. Should that be evicted, everything of the tenant is gone
with it, since entries name the era of the hash that they were stored under.
"""

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script
from shared.wire.completion import CachePolicy
from shared.wire.entry import Entry

Kind = Literal["namespace", "model", "tag", "all"]
MARKS_MAX: Final = 10_000
"""Marks of a tenant; one more purges all it has, which is always safe and keeps the hash small."""
REMEMBERED_MS: Final = 86_400_000
"""How long the purge of a single entry is remembered: longer than its answer can be under way."""
ALL: Final = "all"


class Purged(Struct, frozen=True):
    """A purge that is in force: whatever was asked for until `at_ms` (Redis time) is gone.

    `found` says whether there was an entry, where one was named.
    """

    at_ms: int
    found: bool | None = None


def label(kind: Kind, value: str = "") -> str:
    """The name of a mark; a digest, as values are of any length and written by callers."""
    return ALL if kind == ALL else f"{kind}:{hashlib.sha256(value.encode()).hexdigest()[:32]}"


def labels_of(entry: Entry) -> list[str]:
    """What an entry can be purged by, besides its id and its tenant."""
    return _labels(entry.model, entry.namespace, entry.tags)


def labels_for(model: str, policy: CachePolicy) -> list[str]:
    """The same of an answer that is still to be bought."""
    return _labels(model, policy.namespace, policy.tags)


def _labels(model: str, namespace: str | None, tags: Iterable[str]) -> list[str]:
    found = [label("model", model)] if model else []
    if namespace is not None:
        found.append(label("namespace", namespace))
    return found + [label("tag", tag) for tag in tags]


class Purge:
    """The marks of one cache Redis; `queues` are all queue Redis servers, whose clocks date the attempts."""

    def __init__(self, cache: Redis, queues: Sequence[Redis], *, deadline_s: float) -> None:
        self._cache = cache
        self._queues = tuple(queues)
        self._deadline_s = deadline_s

    async def by(self, tenant: str, kind: Kind, value: str = "") -> Purged:
        """Purge what a tenant has of a kind; raises RedisUnavailable."""
        async with translated(), asyncio.timeout(self._deadline_s):
            arguments: list[Argument] = [label(kind, value), await self._now_ms(), MARKS_MAX]
            at_ms = await script("purge").run(self._cache, [keys.purged(tenant)], arguments)
        return Purged(int(at_ms))

    async def entry(self, tenant: str, entry_id: str) -> Purged:
        """Purge one entry, also one that is still being bought; raises RedisUnavailable."""
        async with translated(), asyncio.timeout(self._deadline_s):
            now_ms = await self._now_ms()
            arguments: list[Argument] = [tenant, now_ms, REMEMBERED_MS]
            found = await script("purge_entry").run(self._cache, [keys.entry(entry_id)], arguments)
        return Purged(now_ms, bool(found))

    async def _now_ms(self) -> int:
        """The latest of all clocks: an attempt claimed before now is then never dated after it."""
        clocks = await asyncio.gather(*(redis.time() for redis in (self._cache, *self._queues)))
        return max(int(seconds) * 1000 + int(micros) // 1000 for seconds, micros in clocks)
