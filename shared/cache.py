"""The exact cache: one answer per fingerprint, fresh or not, and the way a commit gets there."""

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script
from shared.wire import entry as wire
from shared.wire.completion import CachePolicy
from shared.wire.entry import Commit, Entry, IndexChange

INDEX_CHANGES_KEPT = 100_000
"""Changes a worker may be behind before it reloads its partitions from their snapshots."""


class Freshness(Struct, frozen=True):
    """An entry's age and what is left of it, in whole seconds."""

    age_s: int
    ttl_s: int


def freshness(entry: Entry, now_ms: int) -> Freshness:
    """Measure an entry against Redis time; a clock that stepped back never makes it younger than new."""
    return Freshness(
        age_s=max(0, now_ms - entry.created_at_ms) // 1000, ttl_s=max(0, entry.expires_at_ms - now_ms) // 1000
    )


def may_serve(entry: Entry, tenant: str, policy: CachePolicy, now_ms: int) -> bool:
    """Decide whether an entry answers this caller: its own tenant's, not over, not older than asked."""
    if not policy.read or entry.tenant != tenant or entry.expires_at_ms <= now_ms:
        return False
    return policy.max_age_s is None or now_ms - entry.created_at_ms <= policy.max_age_s * 1000


class EntryStore:
    """The entries of one cache Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def read(self, fingerprint: str) -> Entry | None:
        """Look an entry up; None when there is none or when it is of an unknown version."""
        async with translated():
            return decoded(await self._redis.hget(keys.entry(fingerprint), "data"))  # type: ignore[misc]

    async def apply(self, commit: Commit) -> bool:
        """Store a settled answer and its vector; False when a later settle was here first."""
        entry, row = commit.entry, commit.row
        change = IndexChange(op="put", partition=commit.partition, entry_id=entry.id, row=row)
        arguments: list[Argument] = [
            commit.fence,
            wire.encode(entry),
            max(1, entry.expires_at_ms - entry.created_at_ms),
            wire.encode(row) if row else b"",
            entry.id,
            wire.encode(change),
            INDEX_CHANGES_KEPT,
        ]
        places = [keys.entry(entry.id), keys.index(commit.partition), keys.index_changes()]
        return bool(await script("store_entry").run(self._redis, places, arguments))

    async def drop_vector(self, partition: str, entry_id: str) -> bool:
        """Remove the vector of an entry that is gone, for every worker."""
        change = IndexChange(op="drop", partition=partition, entry_id=entry_id)
        places = [keys.entry(entry_id), keys.index(partition), keys.index_changes()]
        arguments: list[Argument] = [entry_id, wire.encode(change), INDEX_CHANGES_KEPT]
        return bool(await script("drop_vector").run(self._redis, places, arguments))


def decoded(data: bytes | None) -> Entry | None:
    """Read an entry; what another release wrote in a way we cannot read is a miss, not an error."""
    if data is None:
        return None
    try:
        return wire.decode_entry(data)
    except msgspec.DecodeError:
        return None
