"""Answers that all tenants may have, because enough of them bought one on their own; off by default.

A question that k tenants have asked without knowing of each other is nobody's secret (k-anonymity). Operators
choose k; no caller can share anything, and who names a namespace or tags keeps its answers to itself. That
others have asked shows, as it must: a tenant that has never asked is answered at once.
"""

import msgspec
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.clients import SHARED_TENANT
from shared.fingerprint import shared_fingerprint
from shared.redis import keys
from shared.redis.scripts import script
from shared.wire.completion import CachePolicy, Completion
from shared.wire.entry import Commit, Entry


def shared_identity(secret: bytes, completion: Completion, policy: CachePolicy) -> str:
    """The identity of a question beyond its tenant; '' for one whose answer stays where it was bought."""
    if not policy.write or policy.namespace is not None or policy.tags:
        return ""
    return shared_fingerprint(secret, completion)


def may_serve(entry: Entry, purged_ms: int) -> bool:
    """Whether a shared answer may be served to a tenant that last purged such a question at `purged_ms`."""
    return (entry.asked_at_ms or entry.created_at_ms) > purged_ms


class SharedScope:
    """Counts who bought what; `tenants_min` of them make an answer everybody's, 0 none ever."""

    def __init__(self, cache: Redis, entries: EntryStore, tenants_min: int) -> None:
        self._cache = cache
        self._entries = entries
        self._tenants_min = tenants_min

    async def bought(self, commit: Commit) -> None:
        """Note that a tenant has bought an answer, and share it if it was the one that was missing."""
        if self._tenants_min == 0 or not commit.shared:
            return
        entry = commit.entry
        lives_ms = max(1, entry.expires_at_ms - entry.created_at_ms)
        buyers = await script("count_buyer").run(
            self._cache, [keys.buyers(commit.shared)], [entry.tenant, lives_ms]
        )
        if buyers >= self._tenants_min:
            await self._entries.apply(_shared(commit))


def _shared(commit: Commit) -> Commit:
    """The same answer as everybody's: without the job, which is its tenant's, and without a vector."""
    ours = {"id": commit.shared, "job_id": f"{commit.shared}.0", "tenant": SHARED_TENANT, "partition": ""}
    return Commit(fence=commit.fence, entry=msgspec.structs.replace(commit.entry, **ours), partition="")
