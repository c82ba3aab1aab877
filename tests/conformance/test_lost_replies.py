"""Replies that get lost: what the scripts did is found out, and costs nobody a try or an answer."""

import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Settled
from tests.support.jobs import LEASE_MS, settlement, submit

pytestmark = pytest.mark.anyio


async def test_a_job_whose_claim_was_never_heard_of_goes_back_uncounted(jobs: JobQueue, store: Redis) -> None:
    """Once no reply can be under way any more, another worker gets it, on its first try."""
    await submit(jobs)
    _, [unheard] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await store.pexpire(keys.lease(unheard.job_id), LEASE_MS - 500)
    assert await jobs.renew("w", [], lease_ms=LEASE_MS, reply_ms=400) == set()
    _, [again] = await jobs.claim("x", lease_ms=LEASE_MS, count=10)
    assert (again.job_id, again.tries) == (unheard.job_id, 1)
    assert int(again.token) > int(unheard.token)


async def test_a_claim_whose_reply_may_still_come_is_left_alone(jobs: JobQueue) -> None:
    """The renewal that overtakes a claim's reply must not take the job away."""
    await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await jobs.renew("w", [], lease_ms=LEASE_MS, reply_ms=2_000)
    assert (await jobs.claim("x", lease_ms=LEASE_MS, count=10))[1] == []
    assert await jobs.settle("w", claimed.job_id, claimed.token, settlement()) is Settled.committed


async def test_what_was_claimed_by_another_since_is_only_forgotten(jobs: JobQueue, store: Redis) -> None:
    """A renewal hands back what is its worker's, never what has become somebody else's."""
    job = await submit(jobs)
    await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await store.sadd(keys.held("w"), job.job_id)  # type: ignore[misc]
    await store.delete(keys.lease(job.job_id))
    await store.zadd(keys.queue(), {job.job_id: 0})
    _, [current] = await jobs.claim("x", lease_ms=LEASE_MS, count=10, scan=True)
    await store.sadd(keys.held("w"), job.job_id)  # type: ignore[misc]
    await jobs.renew("w", [], lease_ms=60_000, reply_ms=0)
    assert await store.smembers(keys.held("w")) == set()  # type: ignore[misc]
    assert await jobs.settle("x", job.job_id, current.token, settlement()) is Settled.committed


async def test_a_settle_repeated_because_its_reply_was_lost_is_told_from_a_refusal(
    jobs: JobQueue, store: Redis
) -> None:
    """The second call finds the first one's commit and changes nothing."""
    job = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert await jobs.settle("w", job.job_id, claimed.token, settlement(commit=b"1")) is Settled.committed
    assert await jobs.settle("w", job.job_id, claimed.token, settlement(commit=b"2")) is Settled.repeated
    assert await store.xlen(keys.outbox()) == 1
