"""Batches in Redis: their lines, how far they are, and what came of each line."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.clients import Client
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

State = Literal["in_progress", "cancelling", "completed", "cancelled"]
OVER: frozenset[str] = frozenset({"completed", "cancelled"})
RESULTS_AT_ONCE = 500
LINES_AT_ONCE = 500
"""A quarter of a megabyte, of lines of half a kilobyte."""
LISTED_MAX = 100


class Batch(Struct, frozen=True, kw_only=True):
    """A batch as it stands; times in Redis ms. `cursor` lines were asked; `completed`, `failed` are over."""

    id: str
    tenant: str
    client: Client
    state: State
    total: int
    cursor: int
    completed: int
    failed: int
    created_at_ms: int
    ended_at_ms: int | None = None


class BatchStore:
    """The batches of a fleet, in its home Redis."""

    def __init__(self, redis: Redis, *, deadline_s: float, keep_s: float) -> None:
        self._redis = redis
        self._deadline_s = deadline_s
        self._keep_ms = int(keep_s * 1000)

    async def create(self, client: Client, lines: Sequence[bytes]) -> Batch:
        """Keep a batch and put it up for feeding; raises RedisUnavailable."""
        batch_id = f"batch_{secrets.token_hex(12)}"
        await self._keep_lines(batch_id, lines)
        async with self._in_time():
            seconds, micros = await self._redis.time()
            now_ms = seconds * 1000 + micros // 1000
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.hset(
                    keys.batch(batch_id),
                    mapping={
                        "tenant": client.tenant,
                        "client": msgspec.json.encode(client),
                        "state": "in_progress",
                        "total": len(lines),
                        "cursor": 0,
                        "completed": 0,
                        "failed": 0,
                        "created_at": now_ms,
                    },
                )
                for key in (keys.batch(batch_id), keys.batch_lines(batch_id)):
                    pipe.pexpire(key, self._keep_ms)
                pipe.zadd(keys.batches_of(client.tenant), {batch_id: now_ms})
                pipe.zremrangebyscore(keys.batches_of(client.tenant), "-inf", now_ms - self._keep_ms)
                pipe.pexpire(keys.batches_of(client.tenant), self._keep_ms)
                pipe.zadd(keys.open_batches(), {batch_id: 0})
                await pipe.execute()
        found = await self.read(batch_id)
        assert found is not None  # noqa: S101 - it was written in the step before
        return found

    async def _keep_lines(self, batch_id: str, lines: Sequence[bytes]) -> None:
        """Write lines in parts that keep nobody else from Redis; without a batch they end by themselves."""
        for first in range(0, len(lines), LINES_AT_ONCE):
            async with self._in_time(), self._redis.pipeline(transaction=True) as pipe:
                pipe.rpush(keys.batch_lines(batch_id), *lines[first : first + LINES_AT_ONCE])
                pipe.pexpire(keys.batch_lines(batch_id), self._keep_ms)
                await pipe.execute()

    async def read(self, batch_id: str) -> Batch | None:
        """Read a batch; None when there is none. Raises RedisUnavailable."""
        async with self._in_time():
            fields = await self._redis.hgetall(keys.batch(batch_id))  # type: ignore[misc]
        return _batch(batch_id, fields)

    async def listed(self, tenant: str) -> list[Batch]:
        """A tenant's latest batches, the last one first; raises RedisUnavailable."""
        async with self._in_time():
            names = await self._redis.zrevrange(keys.batches_of(tenant), 0, LISTED_MAX - 1)
        found = [await self.read(name.decode()) for name in names]
        return [batch for batch in found if batch is not None]

    async def cancel(self, batch_id: str) -> None:
        """Ask no further line; those under way end by themselves. Raises RedisUnavailable."""
        async with self._in_time():
            await script("cancel_batch").run(self._redis, [keys.batch(batch_id)], [])

    async def end_if_idle(self, batch_id: str) -> bool:
        """End a cancelled batch of which nothing is under way; returns whether it is over."""
        places = [keys.batch(batch_id), keys.batch_jobs(batch_id), keys.open_batches()]
        async with self._in_time():
            return bool(await script("end_batch").run(self._redis, places, [batch_id]))

    async def lease(self, feeder: str, *, lease_ms: int) -> list[str]:
        """Take the open batches that nobody feeds, keep one's own; returns them all.

        With a lease of 0 they are given up. Raises RedisUnavailable.
        """
        async with self._in_time():
            found = await script("lease_batches").run(
                self._redis, [keys.open_batches(), keys.batch_feeders()], [feeder, lease_ms]
            )
        return [batch_id.decode() for batch_id in found]

    async def lines(self, batch_id: str, first: int, count: int) -> list[bytes]:
        """Some lines of a batch; raises RedisUnavailable."""
        async with self._in_time():
            found: list[bytes] = await self._redis.lrange(  # type: ignore[misc]
                keys.batch_lines(batch_id), first, first + count - 1
            )
        return found

    async def asked(self, batch_id: str, feeder: str, number: int, job_id: str) -> bool:
        """Note the job that answers a line; False when another feeds the batch. Raises RedisUnavailable."""
        places = [
            *(keys.batch(batch_id), keys.batch_jobs(batch_id), keys.batch_results(batch_id)),
            keys.batch_feeders(),
        ]
        arguments: list[Argument] = [batch_id, feeder, number, job_id, self._keep_ms]
        async with self._in_time():
            return await script("ask_line").run(self._redis, places, arguments) is not None

    async def forget(self, batch_id: str) -> None:
        """Feed a batch no more that nobody remembers; raises RedisUnavailable."""
        async with self._in_time():
            await self._redis.zrem(keys.open_batches(), batch_id)

    async def numbers_over(self, batch_id: str) -> frozenset[int]:
        """The lines that have a result; raises RedisUnavailable."""
        async with self._in_time():
            found = await self._redis.hkeys(keys.batch_results(batch_id))  # type: ignore[misc]
        return frozenset(map(int, found))

    async def under_way(self, batch_id: str) -> Mapping[int, str]:
        """The jobs of the lines that were asked and are not over; raises RedisUnavailable."""
        async with self._in_time():
            found = await self._redis.hgetall(keys.batch_jobs(batch_id))  # type: ignore[misc]
        return {int(number): job_id.decode() for number, job_id in found.items()}

    async def finish(self, batch_id: str, number: int, line: bytes, *, succeeded: bool) -> None:
        """Keep what came of a line, once, and end the batch with its last one; raises RedisUnavailable."""
        places = [
            *(keys.batch(batch_id), keys.batch_jobs(batch_id), keys.batch_results(batch_id)),
            keys.open_batches(),
        ]
        arguments: list[Argument] = [
            batch_id,
            number,
            line,
            "completed" if succeeded else "failed",
            self._keep_ms,
        ]
        async with self._in_time():
            await script("finish_line").run(self._redis, places, arguments)

    async def results(self, batch: Batch, *, first: int = 0) -> AsyncIterator[bytes]:
        """What came of the lines so far, from one on and in their order; raises RedisUnavailable."""
        for start in range(first, batch.total, RESULTS_AT_ONCE):
            numbers = range(start, min(start + RESULTS_AT_ONCE, batch.total))
            async with self._in_time():
                found = await self._redis.hmget(  # type: ignore[misc]
                    keys.batch_results(batch.id), [str(number) for number in numbers]
                )
            part = b"".join(line + b"\n" for line in found if line is not None)
            if part:
                yield part

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield


def _batch(batch_id: str, fields: Mapping[bytes, bytes]) -> Batch | None:
    if not fields:
        return None
    counts = {name: int(fields[name.encode()]) for name in ("total", "cursor", "completed", "failed")}
    ended = fields.get(b"ended_at")
    return Batch(
        id=batch_id,
        tenant=fields[b"tenant"].decode(),
        client=msgspec.json.decode(fields[b"client"], type=Client),
        state=msgspec.convert(fields[b"state"].decode(), State),
        created_at_ms=int(fields[b"created_at"]),
        ended_at_ms=None if ended is None else int(ended),
        **counts,
    )
