"""Lets a request in and looks for its answer, in one Redis round trip.

With a cache Redis of its own there are two trips at once, and only the queue's decides: see lookup.py.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from redis.asyncio import Redis

from ingress.local_rate import LocalRate
from ingress.lookup import CacheLookup
from ingress.rate import Rate, refusal
from shared.cache import Found, find_call, read_found
from shared.clients import SHARED_TENANT, Client
from shared.job_records import Record, read_record
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Call, run_pipeline, script
from shared.settings import Settings
from shared.shards import JobShards
from shared.tiers import Tier, Tiers

FREE = 0.0
ONE = 1.0


class Admission:
    """The buckets of the queue Redis, read together with whatever the request is after.

    Every method raises RedisUnavailable when the queue Redis is away; a refusal is in the returned rate, so
    that its headers are sent too.
    """

    def __init__(
        self,
        queue: Redis,
        cache: Redis,
        jobs: JobShards,
        settings: Settings,
        *,
        tiers: Tiers,
        local: LocalRate | None = None,
    ) -> None:
        """`local` admits while the queue Redis is away; without it nobody is."""
        self._queue = queue
        self._jobs = jobs
        # Waiting for a connection, connecting and the reply have a deadline each; together they get two.
        self._deadline_s = 2 * settings.redis_timeout_s
        self._lookup = None if cache is queue else CacheLookup(cache, deadline_s=self._deadline_s)
        self._tiers = tiers
        self._lease_s = settings.hit_lease_s
        self._local = local

    @property
    def state(self) -> Literal["shared", "local"]:
        """Whose buckets decide right now."""
        return "local" if self._local is not None and self._local.away else "shared"

    async def admit(self, client: Client, cost: float = ONE) -> Rate:
        """Take tokens; a cost of 0 only looks."""
        tier = self._tiers.of(client.tier)
        if self._local is None:
            return await self._ask(client, tier, cost)
        return await self._local.admit(client.key_id, tier, cost, lambda: self._ask(client, tier, cost))

    async def admit_miss(self, client: Client) -> Rate | None:
        """Take what a question costs beyond a hit; None when that is nothing."""
        rest = ONE - self._tiers.of(client.tier).hit_cost
        return await self.admit(client, rest) if rest > 0 else None

    async def _ask(self, client: Client, tier: Tier, cost: float) -> Rate:
        async with self._in_time():
            reply = await script("take_tokens").run(self._queue, *self._take(client, tier, cost))
        return self._rate(reply, tier)

    async def admit_and_find(
        self, client: Client, fingerprint: str, labels: Sequence[str]
    ) -> tuple[Rate, Found]:
        """Take what a hit costs and read the exact entry; the rate is returned even when it refuses.

        `labels` are what the question's answer can be purged by.
        """
        call = find_call(fingerprint, client.tenant, labels)
        tier = self._tiers.of(client.tier)
        if self._lookup is not None:
            return await asyncio.gather(self.admit(client, tier.hit_cost), self._lookup.find(call))
        async with self._in_time():
            pipe = self._queue.pipeline(transaction=False)
            script("take_tokens").queue_on(pipe, *self._take(client, tier, tier.hit_cost))
            script("find_entry").queue_on(pipe, *call)
            reply, found = await run_pipeline(self._queue, pipe)
        return self._rate(reply, tier), read_found(found)

    async def find(self, client: Client, entry_id: str) -> Found:
        """Read one of the client's entries by its id; UNKNOWN when nobody can tell."""
        return await self._find(find_call(entry_id, client.tenant))

    async def _find(self, call: Call) -> Found:
        if self._lookup is not None:
            return await self._lookup.find(call)
        async with self._in_time():
            return read_found(await script("find_entry").run(self._queue, *call))

    async def find_shared(self, fingerprint: str) -> Found:
        """Read what all tenants may have by a question's identity beyond its tenant; UNKNOWN as `find`."""
        return await self._find(find_call(fingerprint, SHARED_TENANT))

    async def admit_and_read(self, client: Client, job_id: str) -> tuple[Rate, Record | None]:
        """Look at the bucket and read a job with its outcome; polling costs no tokens."""
        if len(self._jobs) > 1:
            return await asyncio.gather(self.admit(client, FREE), self._jobs.read(job_id))
        tier = self._tiers.of(client.tier)
        async with self._in_time():
            pipe = self._queue.pipeline(transaction=False)
            script("take_tokens").queue_on(pipe, *self._take(client, tier, FREE))
            pipe.hgetall(keys.job(job_id))
            pipe.get(keys.outcome(job_id))
            reply, fields, outcome = await run_pipeline(self._queue, pipe)
        return self._rate(reply, tier), read_record(job_id, fields, outcome)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield

    def tier_of(self, client: Client) -> Tier:
        """The limits of a key."""
        return self._tiers.of(client.tier)

    def burst(self, tier: Tier) -> float:
        """A capacity, less what tokens taken ahead may be late by: see shortcut/leases.py."""
        lessened = tier.burst - tier.rate_per_s * self._lease_s
        return lessened if lessened >= ONE else tier.burst

    def lease_call(self, client: Client, requests: int) -> Call:
        """Keys and arguments of lease_tokens.lua."""
        tier = self._tiers.of(client.tier)
        arguments = [self.burst(tier), tier.rate_per_s, tier.hit_cost, requests]
        return [keys.bucket(client.key_id)], arguments

    def hit_call(self, client: Client) -> Call:
        """Keys and arguments of take_tokens.lua for a hit."""
        tier = self._tiers.of(client.tier)
        return self._take(client, tier, tier.hit_cost)

    def rate_of(self, client: Client, reply: Any) -> Rate:
        """Read take_tokens.lua's reply."""
        return self._rate(reply, self._tiers.of(client.tier))

    @property
    def decides_alone(self) -> bool:
        """Whether this process admits by buckets of its own while the queue Redis is away."""
        return self._local is not None

    @property
    def cache_away(self) -> bool:
        """Whether the cache Redis could not be read when it was last tried."""
        return self._lookup is not None and self._lookup.away

    def cache_failed(self, error: Exception) -> None:
        """Note that somebody could not read the cache Redis."""
        if self._lookup is not None:
            self._lookup.fail_open(error)

    def _take(self, client: Client, tier: Tier, cost: float) -> Call:
        return [keys.bucket(client.key_id)], [self.burst(tier), tier.rate_per_s, cost]

    def _rate(self, reply: Any, tier: Tier) -> Rate:
        allowed, tokens, wait_ms, now_ms = reply
        return Rate(
            allowed=bool(allowed),
            tokens=float(tokens),
            wait_ms=int(wait_ms),
            now_ms=int(now_ms),
            capacity=self.burst(tier),
            refill_per_s=tier.rate_per_s,
            policy=tier.name,
        )


def check(rate: Rate) -> None:
    """Raise RateLimited when the bucket refused."""
    if not rate.allowed:
        raise refusal(rate)
