"""The exact cache: one answer per fingerprint, and the way a commit gets there."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared import metrics
from shared.purging import labels_of
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, Call, script
from shared.wire import entry as wire
from shared.wire.entry import Commit, Entry, IndexChange

OVER_SHARE = 2
INDEX_CHANGES_KEPT = 100_000
"""Changes a worker may be behind before it reloads its partitions from their snapshots."""


class Found(Struct, frozen=True):
    """What a look at the cache brought; `purged_ms` is the newest purge that concerns the question, or 0.

    `known` is false when the cache could not be read: then nobody knows whether there is an entry.
    """

    entry: Entry | None = None
    purged_ms: int = 0
    known: bool = True


UNKNOWN = Found(known=False)


class EntryStore:
    """The entries of one cache Redis."""

    def __init__(self, redis: Redis, *, key_writes_per_hour: int = 0) -> None:
        """`key_writes_per_hour` is the most answers that one API key may add, 0 for any number."""
        self._redis = redis
        self._key_writes = key_writes_per_hour

    async def read(self, fingerprint: str, tenant: str) -> Entry | None:
        """Look a tenant's entry up; None when there is none, it is purged, or it is of an unknown version."""
        async with translated():
            reply = await script("find_entry").run(self._redis, *find_call(fingerprint, tenant))
        return read_found(reply).entry

    async def apply(self, commit: Commit) -> bool:
        """Store a settled answer and its vector.

        False when a later settle or a purge was here first, or its key has added its share of the hour.
        """
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
            row.vector if row else b"",
            *(entry.expires_at_ms, entry.tenant),
            entry.created_at_ms if entry.asked_at_ms is None else entry.asked_at_ms,
            self._key_writes if commit.key_id else 0,
            *labels_of(entry),
        ]
        places = [keys.entry(entry.id), keys.index(commit.partition), keys.index_changes()]
        places += [keys.index_place(), keys.vector(commit.partition, entry.id)]
        places += [keys.purged(entry.tenant), keys.key_writes(commit.key_id), keys.entries()]
        stored = await script("store_entry").run(self._redis, places, arguments)
        if stored == OVER_SHARE:
            metrics.writes_refused.inc()
        return bool(stored == 1)

    async def drop_vector(self, partition: str, entry_id: str) -> bool:
        """Remove the vector of an entry that is gone, for every worker."""
        change = IndexChange(op="drop", partition=partition, entry_id=entry_id)
        document = keys.vector(partition, entry_id)
        places = [keys.entry(entry_id), keys.index(partition), keys.index_changes(), document]
        arguments: list[Argument] = [entry_id, wire.encode(change), INDEX_CHANGES_KEPT]
        return bool(await script("drop_vector").run(self._redis, places, arguments))


def find_call(fingerprint: str, tenant: str, labels: Sequence[str] = ()) -> Call:
    """Keys and arguments of find_entry.lua for a tenant's question."""
    return [keys.entry(fingerprint), keys.purged(tenant)], [tenant, *labels]


def read_found(reply: Sequence[bytes | None]) -> Found:
    """Read find_entry.lua's reply."""
    data, purged_ms = reply
    return Found(decoded(data), int(purged_ms or 0))


def decoded(data: bytes | None) -> Entry | None:
    """Read an entry; what another release wrote in a way we cannot read is a miss, not an error."""
    if data is None:
        return None
    try:
        return wire.decode_entry(data)
    except msgspec.DecodeError:
        return None
