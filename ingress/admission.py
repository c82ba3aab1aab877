"""Lets a request in and looks for its answer, in one Redis round trip.

With a cache Redis of its own there are two trips at once, and only the queue's decides: see lookup.py.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from ingress.lookup import CacheLookup
from ingress.rate import Rate, refusal
from shared.cache import decoded
from shared.clients import Client
from shared.jobs import Record, read_record
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import run_pipeline, script
from shared.settings import Settings
from shared.wire.entry import Entry

FREE = 0.0
ONE = 1.0


class Admission:
    """The buckets of the queue Redis, read together with whatever the request is after.

    Every method raises RedisUnavailable when the queue Redis is away; a refusal is in the returned rate, so
    that its headers are sent too.
    """

    def __init__(self, queue: Redis, cache: Redis, settings: Settings) -> None:
        self._queue = queue
        # Waiting for a connection, connecting and the reply have a deadline each; together they get two.
        self._deadline_s = 2 * settings.redis_timeout_s
        self._lookup = None if cache is queue else CacheLookup(cache, deadline_s=self._deadline_s)
        self._capacity = settings.rate_capacity
        self._refill_per_s = settings.rate_refill_per_s

    async def admit(self, client: Client, cost: float = ONE) -> Rate:
        """Take tokens; a cost of 0 only looks."""
        async with self._in_time():
            reply = await script("take_tokens").run(self._queue, self._keys(client), self._arguments(cost))
        return self._rate(reply)

    async def admit_and_find(self, client: Client, fingerprint: str) -> tuple[Rate, Entry | None]:
        """Take one token and read the exact entry; the rate is returned even when it refuses."""
        if self._lookup is not None:
            return await asyncio.gather(self.admit(client), self._lookup.find(fingerprint))
        async with self._in_time():
            pipe = self._queue.pipeline(transaction=False)
            script("take_tokens").queue_on(pipe, self._keys(client), self._arguments(ONE))
            pipe.hget(keys.entry(fingerprint), "data")
            reply, data = await run_pipeline(self._queue, pipe)
        return self._rate(reply), decoded(data)

    async def admit_and_read(self, client: Client, job_id: str) -> tuple[Rate, Record | None]:
        """Look at the bucket and read a job with its outcome; polling costs no tokens."""
        async with self._in_time():
            pipe = self._queue.pipeline(transaction=False)
            script("take_tokens").queue_on(pipe, self._keys(client), self._arguments(FREE))
            pipe.hgetall(keys.job(job_id))
            pipe.get(keys.outcome(job_id))
            reply, fields, outcome = await run_pipeline(self._queue, pipe)
        return self._rate(reply), read_record(job_id, fields, outcome)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield

    @staticmethod
    def _keys(client: Client) -> list[str]:
        return [keys.bucket(client.key_id)]

    def _arguments(self, cost: float) -> list[str | bytes | int | float]:
        return [self._capacity, self._refill_per_s, cost]

    def _rate(self, reply: Any) -> Rate:
        allowed, tokens, wait_ms, now_ms = reply
        return Rate(
            allowed=bool(allowed),
            tokens=float(tokens),
            wait_ms=int(wait_ms),
            now_ms=int(now_ms),
            capacity=self._capacity,
            refill_per_s=self._refill_per_s,
        )


def check(rate: Rate) -> None:
    """Raise RateLimited when the bucket refused."""
    if not rate.allowed:
        raise refusal(rate)
