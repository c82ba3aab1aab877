"""Turns on the bell: nobody waits behind more than a few of another tenant's jobs."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.submissions import Submission
from tests.support.jobs import LEASE_MS, settlement, submission

pytestmark = pytest.mark.anyio
WINDOW = 2


def job(question: str, tenant: str = "greedy") -> Submission:
    """A question of a tenant."""
    record = {"tenant": tenant, "key_id": f"k-{tenant}", "model": "m", "metadata": "{}"}
    return msgspec.structs.replace(submission(question), record=record, tenant_window=WINDOW)


async def submit(jobs: JobQueue, question: str, tenant: str = "greedy") -> str:
    """Hand it in; returns the job's id."""
    return (await jobs.submit(job(question, tenant), interest="sentinel:inbox:a|1", for_ms=60_000)).job_id


async def taken(jobs: JobQueue, count: int) -> list[str]:
    """The questions that a worker is given, in order."""
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=count)
    return [one.job_id.partition(".")[0] for one in claimed]


async def test_a_tenant_that_asks_little_waits_behind_a_window_of_the_one_that_asks_much(
    jobs: JobQueue, store: Redis
) -> None:
    """Ten were there first, and two of them are served first."""
    for n in range(10):
        await submit(jobs, f"g{n}")
    await submit(jobs, "modest", "modest")
    assert await store.llen(keys.bell("interactive")) == WINDOW + 1  # type: ignore[misc]
    assert await taken(jobs, 3) == ["g0", "g1", "modest"]


async def test_turns_lose_no_job_and_keep_their_order(jobs: JobQueue, store: Redis) -> None:
    """One tenant alone gets everything in one take; nothing remains of the count."""
    for n in range(10):
        await submit(jobs, f"g{n}")
    assert await taken(jobs, 16) == [f"g{n}" for n in range(10)]
    assert await store.exists(keys.rung("interactive"), keys.parked("interactive", "greedy")) == 0


async def test_a_job_that_nobody_wants_gives_its_place_to_the_next(jobs: JobQueue, store: Redis) -> None:
    """Whether it was on the bell or parked."""
    ids = [await submit(jobs, f"g{n}") for n in range(5)]
    for number in (0, 2):
        await jobs.withdraw(ids[number], "sentinel:inbox:a|1", settlement("cancelled"), stop_running=True)
    assert await store.hgetall(keys.rung("interactive")) == {b"greedy": b"2"}  # type: ignore[misc]
    assert await taken(jobs, 16) == ["g1", "g3", "g4"]


async def test_a_scan_finds_what_is_parked_and_it_is_not_rung_for_twice(jobs: JobQueue, store: Redis) -> None:
    """The bell was lost, with all that was on it."""
    for n in range(4):
        await submit(jobs, f"g{n}")
    await store.delete(keys.bell("interactive"))
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=16, scan=True)
    assert {one.job_id.partition(".")[0] for one in claimed} == {"g0", "g1", "g2", "g3"}
    assert await store.exists(keys.rung("interactive"), keys.parked("interactive", "greedy")) == 0


async def test_classes_have_windows_of_their_own(jobs: JobQueue, store: Redis) -> None:
    """A flood of batch jobs parks no interactive one of the same tenant."""
    for n in range(5):
        batch = msgspec.structs.replace(job(f"b{n}"), priority="batch")
        await jobs.submit(batch, interest="polled:k", for_ms=60_000)
    await submit(jobs, "now")
    assert await taken(jobs, 1) == ["now"]
    assert await store.llen(keys.parked("batch", "greedy")) == 3  # type: ignore[misc]


async def test_a_parked_job_that_somebody_now_waits_for_is_rung_at_once(jobs: JobQueue) -> None:
    """It had been batch work; its old place is skipped."""
    for n in range(5):
        batch = msgspec.structs.replace(job(f"b{n}"), priority="batch")
        await jobs.submit(batch, interest="polled:k", for_ms=60_000)
    await submit(jobs, "b4")
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=1, bells=["interactive"])
    assert [one.job_id.partition(".")[0] for one in claimed] == ["b4"]
    assert await taken(jobs, 16) == ["b0", "b1", "b2", "b3"]


async def test_a_full_queue_refuses_who_has_filled_it_and_nobody_else(jobs: JobQueue, store: Redis) -> None:
    """Up to the share of the others; alone, a tenant has all of it."""
    small = {"depth_max": 6}

    async def verdict(question: str, tenant: str) -> str:
        asked = msgspec.structs.replace(job(question, tenant), **small)
        return (await jobs.submit(asked, interest="sentinel:inbox:a|1", for_ms=60_000)).verdict

    assert [await verdict(f"g{n}", "greedy") for n in range(8)] == ["created"] * 6 + ["full"] * 2
    assert [await verdict(f"m{n}", "modest") for n in range(3)] == ["created"] * 2 + ["full"]
    assert await verdict("g8", "greedy") == "full"


async def test_a_long_queue_of_one_makes_no_other_late(jobs: JobQueue, store: Redis) -> None:
    """At one job a second, fifty jobs of one tenant are three of another's turn."""
    await store.set(keys.throughput(), "1")

    async def verdict(question: str, tenant: str) -> str:
        asked = msgspec.structs.replace(job(question, tenant), deadline_ms=20_000)
        return (await jobs.submit(asked, interest="sentinel:inbox:a|1", for_ms=20_000)).verdict

    found = [await verdict(f"g{n}", "greedy") for n in range(50)]
    assert found[-1] == "late"
    assert await verdict("m", "modest") == "created"
