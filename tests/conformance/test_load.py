"""What one look at a queue tells."""

import pytest
from redis.asyncio import Redis

from shared.heartbeats import Heartbeat, Heartbeats
from shared.jobs import JobQueue
from shared.load import look
from shared.redis import keys
from tests.support.jobs import LEASE_MS, submit

pytestmark = pytest.mark.anyio


async def test_waiting_and_running_jobs_and_slots_are_told_apart(jobs: JobQueue, store: Redis) -> None:
    """A job that runs is not due, and a worker that is silent does not count."""
    for question in "abc":
        await submit(jobs, question)
    _, [running] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    waiting = await store.zrange(keys.queue(), 0, 0)
    await store.zincrby(keys.queue(), -5_000, waiting[0])
    for name, busy in (("w", 1), ("x", 0)):
        await Heartbeats(store).beat(
            Heartbeat(worker=name, host="h", pid=1, version="1", slots=8, busy=busy, per_s=1, loop_lag_ms=0)
        )
    await store.zadd(keys.workers(), {"silent": 1})
    seen = await look(store)
    assert (seen.due, seen.in_work, seen.bell_interactive, seen.bell_batch) == (2, 1, 2, 0)
    assert (seen.workers, seen.slots, seen.busy) == (2, 16, 1)
    assert 5_000 <= seen.oldest_wait_ms < 60_000
    assert running.job_id.encode() != waiting[0]


async def test_an_empty_queue_has_no_oldest_job(store: Redis) -> None:
    """Nothing waits, and nobody is there."""
    seen = await look(store)
    assert (seen.due, seen.oldest_wait_ms, seen.in_work, seen.workers) == (0, 0, 0, 0)
