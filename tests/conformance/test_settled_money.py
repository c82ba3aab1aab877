"""Money is booked in the step that settles, or that gives up knowing what an attempt cost."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Increment, Settled
from tests.support.jobs import LEASE_MS, settlement, submit

pytestmark = pytest.mark.anyio

DAY_S = 86_400


async def _ledger(store: Redis) -> dict[bytes, bytes]:
    seconds, _ = await store.time()
    return await store.hgetall(keys.ledger(seconds // DAY_S, "t"))  # type: ignore[misc, no-any-return]


async def test_a_commit_books_its_lines_and_a_repeated_or_refused_one_none(
    jobs: JobQueue, store: Redis
) -> None:
    """Once, whatever happens to the replies."""
    job = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    lines = (Increment("k|m|cost", 9_007_199_254_740_993), Increment("k|m|calls", 1))
    paid = msgspec.structs.replace(settlement(), ledger=lines)
    assert await jobs.settle("w", job.job_id, "1", paid) is Settled.refused
    assert await jobs.settle("w", job.job_id, claimed.token, paid) is Settled.committed
    assert await jobs.settle("w", job.job_id, claimed.token, paid) is Settled.repeated
    assert await _ledger(store) == {b"k|m|cost": b"9007199254740993", b"k|m|calls": b"1"}
    seconds, _ = await store.time()
    assert await store.smembers(keys.ledger_tenants(seconds // DAY_S)) == {b"t"}  # type: ignore[misc]


async def test_an_attempt_that_was_sent_and_not_settled_is_booked_as_a_doubt(
    jobs: JobQueue, store: Redis
) -> None:
    """By whoever finds out: the next claim, a hand-back, or the end of the last interest."""
    job = await submit(jobs)
    _, [first] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await jobs.mark_sent(job.job_id, first.token)
    await jobs.reap("w")
    _, [second] = await jobs.claim("x", lease_ms=LEASE_MS, count=10)
    await jobs.mark_sent(job.job_id, second.token)
    await jobs.release("x", second)
    _, [third] = await jobs.claim("x", lease_ms=LEASE_MS, count=10)
    await jobs.mark_sent(job.job_id, third.token)
    await jobs.withdraw(job.job_id, "sentinel:inbox:a", settlement("cancelled"), stop_running=True)
    assert await _ledger(store) == {b"|m|doubts": b"3"}
