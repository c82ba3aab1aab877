"""Money is set aside in the step that creates a job: nobody takes the same last dollar twice."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from shared.budgets import Budget, Reservation
from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Increment
from shared.submissions import Submitted
from tests.support.jobs import LEASE_MS, settlement, submission

pytestmark = pytest.mark.anyio
HARD = Budget(name="tenant-day", period="day", who="t:t", soft=None, hard=1_000)
WHO = {"tenant": "t", "model": "m", "metadata": "{}", "key_id": "k"}


async def ask(jobs: JobQueue, question: str, cost: int, *budgets: Budget) -> Submitted:
    """Submit a question that may cost so much."""
    job = msgspec.structs.replace(
        submission(question), record=WHO, reservation=Reservation(cost, budgets or (HARD,))
    )
    return await jobs.submit(job, interest="sentinel:inbox:a", for_ms=5_000)


async def settle(jobs: JobQueue, cost: int) -> None:
    """Let one job settle that has cost so much."""
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    paid = msgspec.structs.replace(settlement(), ledger=(Increment("k|m|cost", cost),))
    await jobs.settle("w", claimed.job_id, claimed.token, paid)


async def test_what_is_in_flight_counts(jobs: JobQueue, store: Redis) -> None:
    """Ten questions of 300 at once and a budget of 1,000: three; nothing is written for the others."""
    found = await asyncio.gather(*(ask(jobs, f"q{n}", 300) for n in range(10)))
    assert sorted(one.verdict for one in found) == ["broke"] * 7 + ["created"] * 3
    assert all(one.used == (900,) for one in found if one.verdict == "broke")
    assert await store.zcard(keys.queue()) == 3
    assert await store.hgetall(keys.reserved()) == {b"t:t": b"900", b"k:k": b"900"}  # type: ignore[misc]


async def test_a_settled_job_is_charged_what_it_cost_and_frees_the_rest(jobs: JobQueue, store: Redis) -> None:
    """An estimate is too high, nearly always."""
    await ask(jobs, "a", 900)
    assert (await ask(jobs, "b", 900)).verdict == "broke"
    await settle(jobs, 100)
    assert await store.exists(keys.reserved()) == 0
    assert (await ask(jobs, "b", 900)).used == (100,)


async def test_a_cancelled_job_frees_all_of_it(jobs: JobQueue, store: Redis) -> None:
    """Nothing was bought."""
    job = await ask(jobs, "a", 900)
    await jobs.withdraw(job.job_id, "sentinel:inbox:a", settlement("cancelled"), stop_running=True)
    assert await store.exists(keys.reserved()) == 0
    assert (await ask(jobs, "b", 900)).verdict == "created"


async def test_a_twin_needs_no_room(jobs: JobQueue) -> None:
    """It costs nothing more."""
    await ask(jobs, "a", 900)
    assert (await ask(jobs, "a", 900)).verdict == "joined"


async def test_a_call_in_doubt_is_charged_what_was_set_aside(jobs: JobQueue) -> None:
    """It may be billed, and a budget is a promise."""
    await ask(jobs, "a", 400)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    await jobs.mark_sent(claimed.job_id, claimed.token, calls=2)
    await jobs.release("w", claimed)
    assert (await ask(jobs, "b", 0)).used == (1_200,)


async def test_each_budget_of_a_caller_must_have_room(jobs: JobQueue) -> None:
    """The key's own as well as its tenant's, the month's as well as the day's."""
    roomy = Budget(name="key-month", period="month", who="k:k", soft=None, hard=10_000)
    await ask(jobs, "a", 600, roomy, HARD)
    refused = await ask(jobs, "b", 600, roomy, HARD)
    assert (refused.verdict, refused.used) == ("broke", (600, 600))
    soft = Budget(name="tenant-day", period="day", who="t:t", soft=1, hard=None)
    assert (await ask(jobs, "b", 600, soft)).verdict == "created"
