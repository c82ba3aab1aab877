"""Jobs that were retried: who shares a worker with whom, so that nobody is given up for another's fault."""

import pytest
from redis.asyncio import Redis

from shared.claims import NONE_RETRIED, Claimed, Retried
from shared.jobs import JobQueue
from shared.redis import keys
from tests.support.jobs import LEASE_MS, submit

pytestmark = pytest.mark.anyio


async def _after_tries(jobs: JobQueue, store: Redis, **tries: int) -> None:
    for question, count in tries.items():
        job = await submit(jobs, question)
        await store.hset(keys.job(job.job_id), "tries", str(count))  # type: ignore[misc]


async def _questions(jobs: JobQueue, retried: Retried = NONE_RETRIED, *, scan: bool = True) -> list[str]:
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=10, scan=scan, retried=retried)
    return [_question(job) for job in claimed]


def _question(job: Claimed) -> str:
    return (job.payload or b"").decode().removeprefix("payload of ")


async def test_jobs_on_their_last_try_are_claimed_one_at_a_time(jobs: JobQueue, store: Redis) -> None:
    """Each is alone with new jobs, so that a worker's death accuses only one."""
    await _after_tries(jobs, store, a=2, b=2, new=0)
    assert await _questions(jobs) == ["a", "new"]
    assert await _questions(jobs, Retried(1, 1)) == []
    assert await _questions(jobs) == ["b"]


async def test_a_last_try_waits_for_other_retried_jobs_and_they_for_it(jobs: JobQueue, store: Redis) -> None:
    """Whichever of them kills workers, the one on its last try is not given up for it."""
    await _after_tries(jobs, store, a_second=1, b_last=2)
    assert await _questions(jobs) == ["a_second"]
    assert await _questions(jobs, Retried(1, 0)) == []
    assert await _questions(jobs) == ["b_last"]


async def test_a_dead_workers_jobs_are_taken_together_on_their_second_try(
    jobs: JobQueue, store: Redis
) -> None:
    """Recovery is quick; only a second death in a row slows it."""
    await _after_tries(jobs, store, a=1, b=1, c=1)
    assert await _questions(jobs) == ["a", "b", "c"]


async def test_a_job_past_its_tries_is_handed_out_whatever_else_is_in_work(
    jobs: JobQueue, store: Redis
) -> None:
    """It is not run any more, only given up."""
    await _after_tries(jobs, store, spent=3)
    assert await _questions(jobs, Retried(5, 1)) == ["spent"]
