"""A long queue of batch jobs: it delays nobody who waits, hides nothing, and grows to a bound."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.submissions import Submitted, polled_by
from tests.support.jobs import LEASE_MS, settlement, submission, submit

pytestmark = pytest.mark.anyio
KEY = polled_by("key")


async def _batch(jobs: JobQueue, question: str, depth_max: int = 100) -> Submitted:
    batch = msgspec.structs.replace(submission(question, depth_max=depth_max), priority="batch")
    return await jobs.submit(batch, interest=KEY, for_ms=60_000)


async def test_batch_jobs_fill_the_queue_for_batch_jobs_only(jobs: JobQueue) -> None:
    """An interactive job passes them, so that they stand before no one who waits; both are bounded."""
    assert [(await _batch(jobs, q, depth_max=2)).verdict for q in "abc"] == ["created", "created", "full"]
    asked = [
        await jobs.submit(submission(question, depth_max=2), interest=KEY, for_ms=60_000)
        for question in "xyz"
    ]
    assert [(one.verdict, one.ahead) for one in asked] == [("created", 0), ("created", 1), ("full", 2)]
    assert (await _batch(jobs, "d", depth_max=4)).ahead == 4


async def test_batch_jobs_make_nobody_late_but_one_another(jobs: JobQueue, store: Redis) -> None:
    """What is told of the wait is the truth for the class that asks."""
    await store.set(keys.throughput(), "1.0")
    for question in "abc":
        await _batch(jobs, question)
    impatient = submission("now", deadline_ms=2_000)
    late = await jobs.submit(msgspec.structs.replace(impatient, priority="batch"), interest=KEY, for_ms=1)
    assert (late.verdict, late.wait_ms) == ("late", 1_000)
    assert (await jobs.submit(impatient, interest=KEY, for_ms=1)).verdict == "created"


async def test_a_job_that_no_bell_names_is_found_behind_any_number_that_may_not_be_taken(
    jobs: JobQueue, store: Redis
) -> None:
    """One whose holder froze must not wait until the batch jobs before it are done."""
    for number in range(150):
        await _batch(jobs, f"batch {number}", depth_max=1_000)
    frozen = await submit(jobs, "frozen")
    await store.delete(keys.bell("interactive"))
    _, claimed = await jobs.claim(
        "w", lease_ms=LEASE_MS, count=2, bells=["interactive"], scan=True, scan_batch=0
    )
    assert [job.job_id for job in claimed] == [frozen.job_id]


async def test_nobody_joins_a_flight_whose_deadline_has_passed_in_the_queue(jobs: JobQueue) -> None:
    """No worker was there; whoever asks now has a deadline of its own, and the old job still ends (G1)."""
    old = await jobs.submit(submission("q", deadline_ms=0), interest=KEY, for_ms=60_000)
    new = await submit(jobs, "q")
    assert (new.verdict, new.job_id == old.job_id) == ("created", False)
    assert (await submit(jobs, "q")).job_id == new.job_id
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert [job.job_id for job in claimed] == [old.job_id, new.job_id]
    await jobs.settle("w", old.job_id, claimed[0].token, settlement("failed"))
    assert (await submit(jobs, "q")).job_id == new.job_id


async def test_a_bell_that_nobody_hears_stays_short(jobs: JobQueue, store: Redis) -> None:
    """Whoever asks and cancels while no worker is there does not fill the memory."""
    for number in range(20):
        job = await jobs.submit(submission(f"q{number}", depth_max=4), interest=KEY, for_ms=60_000)
        await jobs.withdraw(job.job_id, KEY, settlement("cancelled"), stop_running=True)
    assert await store.llen(keys.bell("interactive")) <= 8  # type: ignore[misc]
    last = await submit(jobs, "last")
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert [job.job_id for job in claimed] == [last.job_id]
