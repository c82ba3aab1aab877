"""What operators want, in Redis: a job put first, workers told, jobs that do not get on."""

import pytest
from redis.asyncio import Redis

from shared.fleet_control import FleetControl
from shared.heartbeats import Heartbeat, Heartbeats, Orders
from shared.job_actions import JobActions
from shared.jobs import JobQueue
from shared.redis import keys
from shared.settings import Settings
from shared.shards import JobShards
from shared.stuck import find_stuck
from tests.support.jobs import LEASE_MS, submit

pytestmark = pytest.mark.anyio

BEAT = Heartbeat(worker="w", host="h", pid=1, version="1", slots=2, busy=0, per_s=1.0, loop_lag_ms=0.0)


def actions(store: Redis, jobs: JobQueue) -> JobActions:
    """The actions on the one queue."""
    return JobActions([store], JobShards([jobs]), Settings())


async def test_a_promoted_job_is_claimed_before_older_ones(jobs: JobQueue, store: Redis) -> None:
    """By its bell, and by the look that no bell announced as well."""
    await submit(jobs, "older")
    promoted = await submit(jobs, "promoted")
    assert await actions(store, jobs).promote(promoted.job_id)
    _, [first] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    assert first.job_id == promoted.job_id
    assert not await actions(store, jobs).promote(promoted.job_id)
    assert not await actions(store, jobs).promote("unknown")


async def test_a_cancelled_job_ends_whoever_wants_it(jobs: JobQueue, store: Redis) -> None:
    """Once; afterwards there is nothing to end."""
    await submit(jobs, inbox="sentinel:inbox:a")
    job = await submit(jobs, inbox="sentinel:inbox:b")
    assert await actions(store, jobs).cancel(job.job_id)
    assert not await actions(store, jobs).cancel(job.job_id)
    assert await store.zcard(keys.queue()) == 0


async def test_a_beat_brings_what_operators_want(store: Redis) -> None:
    """Until they want something else."""
    control, heartbeats = FleetControl([store]), Heartbeats(store)
    assert await heartbeats.beat(BEAT) == Orders()
    await control.wish("w", "quiet")
    await control.pause("batch", paused=True)
    assert await heartbeats.beat(BEAT) == Orders("quiet", frozenset({"batch"}))
    assert await control.paused() == {"interactive": False, "batch": True}
    await control.wish("w", "")
    await control.pause("batch", paused=False)
    assert await heartbeats.beat(BEAT) == Orders()


async def test_jobs_that_do_not_get_on_are_found_with_a_reason(jobs: JobQueue, store: Redis) -> None:
    """And those that do are not."""
    fine = await submit(jobs, "fine")
    assert await find_stuck([store], wait_s=60, run_s=60) == []
    late = await submit(jobs, "late")
    await store.hset(keys.job(late.job_id), "deadline_at", "1")  # type: ignore[misc]
    waiting = await submit(jobs, "waiting")
    await store.hset(keys.job(waiting.job_id), "created_at", "1")  # type: ignore[misc]
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    await store.hset(keys.job(fine.job_id), "started_at", "1")  # type: ignore[misc]
    found = {one.job_id: one.kind for one in await find_stuck([store], wait_s=60, run_s=60)}
    assert found == {late.job_id: "late", waiting.job_id: "unclaimed", claimed[0].job_id: "slow"}
    await store.zadd(keys.queue(), {fine.job_id: 1})
    found = {one.job_id: one.kind for one in await find_stuck([store], wait_s=60, run_s=60)}
    assert found[fine.job_id] == "lapsed"
