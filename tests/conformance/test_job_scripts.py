"""Submit, claim, renew, settle and release: what every Redis must make of them."""

import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Settled
from tests.support.jobs import LEASE_MS, settlement, submission, submit

pytestmark = pytest.mark.anyio


async def test_a_new_question_creates_a_job_that_a_worker_can_claim(jobs: JobQueue) -> None:
    """The payload arrives as it was submitted, on its first try."""
    submitted = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert (submitted.verdict, claimed.job_id) == ("created", submitted.job_id)
    assert (claimed.payload, claimed.tries) == (b"payload of q", 1)
    assert claimed.deadline_at_ms == claimed.created_at_ms + 60_000


async def test_twins_join_the_flight_whether_it_is_queued_or_in_work(jobs: JobQueue) -> None:
    """They get the same job id, and no second job exists."""
    first = await submit(jobs)
    queued_twin = await submit(jobs, inbox="sentinel:inbox:b")
    await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    running_twin = await submit(jobs)
    assert (queued_twin.verdict, queued_twin.state) == ("joined", "queued")
    assert (running_twin.verdict, running_twin.state) == ("joined", "in_progress")
    assert {queued_twin.job_id, running_twin.job_id} == {first.job_id}
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=10))[1] == []


async def test_different_questions_do_not_join(jobs: JobQueue) -> None:
    """A flight belongs to one question."""
    assert (await submit(jobs, "a")).job_id != (await submit(jobs, "b")).job_id


async def test_a_full_queue_takes_nothing(jobs: JobQueue, store: Redis) -> None:
    """A refusal writes no part of a job, and says how many wait."""
    await submit(jobs, "a")
    refused = await jobs.submit(submission("b", depth_max=1), interest="polled:key", for_ms=60_000)
    assert (refused.verdict, refused.ahead) == ("full", 1)
    assert await store.exists(keys.flight("b")) == 0


async def test_jobs_in_work_do_not_fill_the_queue(jobs: JobQueue) -> None:
    """Depth is what waits, not what runs."""
    await submit(jobs, "a")
    await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert (
        await jobs.submit(submission("b", depth_max=1), interest="polled:key", for_ms=60_000)
    ).verdict == "created"


async def test_jobs_are_claimed_in_the_order_of_submission_and_no_more_than_asked(jobs: JobQueue) -> None:
    """First in, first out; the rest stays for others."""
    ids = [(await submit(jobs, question)).job_id for question in "abc"]
    _, first = await jobs.claim("w", lease_ms=LEASE_MS, count=2)
    _, rest = await jobs.claim("x", lease_ms=LEASE_MS, count=2)
    assert [c.job_id for c in first] == ids[:2]
    assert [c.job_id for c in rest] == ids[2:]


async def test_a_claimed_job_is_not_claimed_again_while_its_lease_lives(jobs: JobQueue) -> None:
    """Neither by a repeated bell nor by a scan."""
    job = await submit(jobs)
    await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    bell = [job.job_id.encode()]
    assert (await jobs.claim("x", lease_ms=LEASE_MS, count=10, ids=bell, scan=True))[1] == []


async def test_a_scan_finds_a_job_whose_bell_was_lost(jobs: JobQueue, store: Redis) -> None:
    """The bell is a hint; the queue is the truth."""
    job = await submit(jobs)
    await store.delete(keys.bell("interactive"))
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=10))[1] == []
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10, scan=True)
    assert claimed.job_id == job.job_id


async def test_a_job_whose_holder_died_is_claimed_with_a_greater_token_and_a_counted_try(
    jobs: JobQueue, store: Redis
) -> None:
    """The end of a lease is all that says so."""
    job = await submit(jobs)
    _, [first] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await store.delete(keys.lease(job.job_id))
    await store.zadd(keys.queue(), {job.job_id: 0})
    _, [second] = await jobs.claim("x", lease_ms=LEASE_MS, count=10, scan=True)
    assert (first.tries, second.tries) == (1, 2)
    assert int(second.token) > int(first.token)


async def test_tokens_grow_even_when_the_fence_was_lost(jobs: JobQueue, store: Redis) -> None:
    """A Redis that lost its memory must not hand out tokens that the cache has already seen."""
    await submit(jobs, "a")
    _, [before] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    await store.delete(keys.fence())
    await submit(jobs, "b")
    _, [after] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    assert int(after.token) > int(before.token)


async def test_a_settled_job_leaves_only_its_record_and_outcome(jobs: JobQueue, store: Redis) -> None:
    """Queue, payload, lease, tries and waiters are gone in the same step."""
    job = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    assert await jobs.settle("w", job.job_id, claimed.token, settlement(commit=b"entry")) is Settled.committed
    left = {key.decode() for key in await store.keys()}
    assert left == {
        keys.job(job.job_id),
        keys.outcome(job.job_id),
        keys.flight("q"),
        keys.fence(),
        keys.outbox(),
    }
    assert await jobs.outcomes([job.job_id]) == [b"outcome"]
    [(_, fields)] = await store.xrange(keys.outbox())
    assert fields == {b"commit": b"entry"}


async def test_only_the_current_token_settles_and_only_once(jobs: JobQueue, store: Redis) -> None:
    """A stale holder's outcome reaches nothing (G2)."""
    job = await submit(jobs)
    _, [stale] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await store.delete(keys.lease(job.job_id))
    await store.zadd(keys.queue(), {job.job_id: 0})
    _, [current] = await jobs.claim("x", lease_ms=LEASE_MS, count=10, scan=True)
    before = {key: await store.dump(key) for key in await store.keys("arq:*")}
    assert await jobs.settle("w", job.job_id, stale.token, settlement(commit=b"stale")) is Settled.refused
    assert {key: await store.dump(key) for key in await store.keys("arq:*")} == before
    assert await store.xlen(keys.outbox()) == 0
    assert await jobs.settle("w", job.job_id, current.token, settlement()) is Settled.committed
    assert await jobs.settle("w", job.job_id, current.token, settlement()) is Settled.repeated


async def test_a_completed_flight_answers_the_next_twin_for_the_handoff(jobs: JobQueue, store: Redis) -> None:
    """Between the settle and the entry's arrival in the cache, nobody pays again."""
    job = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await jobs.settle("w", job.job_id, claimed.token, settlement(handoff_ms=2_000))
    twin = await submit(jobs)
    assert (twin.verdict, twin.job_id, twin.outcome) == ("landed", job.job_id, b"outcome")
    assert 0 < await store.pttl(keys.flight("q")) <= 2_000


async def test_a_failed_flight_may_be_asked_again_at_once(jobs: JobQueue) -> None:
    """The next request is a new job; the old one keeps its own outcome."""
    job = await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await jobs.settle("w", job.job_id, claimed.token, settlement("failed"))
    again = await submit(jobs)
    assert again.verdict == "created"
    assert again.job_id != job.job_id
    assert await jobs.outcomes([job.job_id]) == [b"outcome"]


async def test_renewal_keeps_what_is_held_and_names_what_was_lost(jobs: JobQueue, store: Redis) -> None:
    """One call for all; a lost lease is not taken back."""
    await submit(jobs, "kept")
    await submit(jobs, "lost")
    _, [kept, lost] = await jobs.claim("w", lease_ms=50, count=10)
    await store.hset(keys.job(lost.job_id), "fence", "999")  # type: ignore[misc]
    pairs = [(kept.job_id, kept.token), (lost.job_id, lost.token)]
    assert await jobs.renew("w", pairs, lease_ms=60_000) == {lost.job_id}
    assert await store.pttl(keys.lease(kept.job_id)) > 50
    assert await store.zscore(keys.queue(), kept.job_id) > await store.zscore(keys.queue(), lost.job_id)


async def test_a_job_just_settled_is_not_reported_as_lost(jobs: JobQueue) -> None:
    """Its holder is still waiting for the reply to its settle, and must not be cancelled for that."""
    await submit(jobs)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    await jobs.settle("w", claimed.job_id, claimed.token, settlement())
    assert await jobs.renew("w", [(claimed.job_id, claimed.token)], lease_ms=LEASE_MS) == set()


async def test_a_job_handed_back_is_claimed_next_and_has_lost_no_try(jobs: JobQueue) -> None:
    """A planned stop is not a failure."""
    first = await submit(jobs, "first")
    await submit(jobs, "second")
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    assert await jobs.release("w", claimed) == "handed_back"
    _, [again] = await jobs.claim("x", lease_ms=LEASE_MS, count=1)
    assert (again.job_id, again.tries) == (first.job_id, 1)
    assert await jobs.release("w", claimed) == "not_ours"


async def test_stock_arq_jobs_without_a_record_are_claimed_by_the_scan(jobs: JobQueue, store: Redis) -> None:
    """Stock arq writes a payload and a score, and rings no bell."""
    await store.set(keys.payload("stock"), b"payload")
    await store.zadd(keys.queue(), {"stock": 1})
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10, scan=True)
    assert (claimed.job_id, claimed.payload, claimed.created_at_ms) == ("stock", b"payload", 1)
    assert await jobs.settle("w", "stock", claimed.token, settlement()) is Settled.committed


async def test_a_deferred_job_is_not_claimed_before_its_time(jobs: JobQueue, store: Redis) -> None:
    """Its score is a time, by Redis' clock."""
    seconds, _ = await store.time()
    await store.set(keys.payload("later"), b"payload")
    await store.zadd(keys.queue(), {"later": (seconds + 100) * 1000})
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=10, scan=True))[1] == []
