"""Sentinel's own queue: a real worker with a function that does nothing, a caller as the ingress is one."""

import asyncio
import contextlib
import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from arq.worker import func
from redis.asyncio import Redis

from ingress.hub import WaiterHub
from shared.jobs import JobQueue
from shared.redis import connect, scripts
from shared.settings import Settings
from shared.shards import JobShards
from shared.submissions import Submission, Submitted, polled_by
from shared.tasks import cancel
from tests.bench.peers import line
from tests.support import worker as support
from workers import taking
from workers.worker import SentinelWorker

WAITERS_MAX = 10_000


async def noop(ctx: dict[Any, Any], data: str) -> str:
    """Do nothing."""
    return line.ran()


async def work(url: str, scan_every_s: str = "", bell_wait_s: str = "") -> None:
    """Run until SIGTERM; the options stretch the fallback scan and shorten the wait for the bell."""
    if scan_every_s:
        vars(taking)["SCAN_EVERY_S"] = float(scan_every_s)
    if bell_wait_s:
        vars(taking)["BELL_WAIT_S"] = float(bell_wait_s)
    settings = Settings(redis_url=url, slots=line.SLOTS)
    async with support.context(url, settings, f"bench-{os.getpid()}") as ctx:
        await SentinelWorker([func(noop, name="noop")], ctx).main()


class Caller:
    """One ingress as far as the queue sees it: submits with its inbox, and hears of results there."""

    def __init__(self, redis: Redis, hub_class: type[WaiterHub] = WaiterHub) -> None:
        self.jobs = JobQueue(redis)
        self.hub = hub_class([redis], JobShards([self.jobs]), f"bench-{os.getpid()}", WAITERS_MAX)
        self._listening = asyncio.create_task(self.hub.run())
        self._numbers = itertools.count(1)

    async def submit(self, interest: str) -> Submitted:
        """Hand in one job of a flight of its own."""
        flight = f"{os.getpid()}-{next(self._numbers)}"
        call = {"t": None, "f": "noop", "a": (), "k": {"data": line.PAYLOAD}, "et": 1}
        submission = Submission(
            flight_id=flight,
            fingerprint=flight,
            payload=msgspec.msgpack.encode(call),
            priority="interactive",
            deadline_ms=60_000,
            depth_max=1_000_000,
            record={"tenant": "bench", "model": "none"},
        )
        return await self.jobs.submit(submission, interest=interest, for_ms=60_000)

    async def result(self, job_id: str, within_s: float) -> bytes | None:
        """Wait for the announcement; None when it has not come in time."""
        return await self.hub.wait(job_id, within_s, frozenset())

    async def trip(self) -> None:
        """Submit, and wait for the result."""
        submitted = await self.submit(self.hub.new_interest())
        assert await self.result(submitted.job_id, line.TRIP_S) is not None

    async def load(self) -> None:
        """Submit, and do not wait."""
        await self.submit(polled_by("bench"))

    async def aclose(self) -> None:
        """Stop listening."""
        await cancel([self._listening])


@contextlib.asynccontextmanager
async def client(url: str, hub_class: type[WaiterHub] = WaiterHub) -> AsyncIterator[Caller]:
    """Connect and subscribe."""
    redis = connect.connect(url, Settings(redis_url=url), client_name="bench")
    await scripts.load_all(redis)
    caller = Caller(redis, hub_class)
    await caller.hub.connected.wait()
    try:
        yield caller
    finally:
        await caller.aclose()
        await redis.aclose()


if __name__ == "__main__":
    line.main(work, client)
