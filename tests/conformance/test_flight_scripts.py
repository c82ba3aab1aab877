"""Interest, promotion, doubt, death and second lives: what every Redis must make of them."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.claims import Claimed
from shared.dead_letters import DeadLetters
from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Settled
from tests.support.jobs import LEASE_MS, settlement, submission, submit

pytestmark = pytest.mark.anyio
ONE, OTHER = "sentinel:inbox:one", "sentinel:inbox:other"


async def claim(jobs: JobQueue, worker: str = "w", *, scan: bool = False) -> Claimed:
    """Claim the only job there is."""
    _, [claimed] = await jobs.claim(worker, lease_ms=LEASE_MS, count=10, scan=scan)
    return claimed


async def expire_lease(store: Redis, job_id: str) -> None:
    """Let a lease end as time would."""
    await store.delete(keys.lease(job_id))
    await store.zadd(keys.queue(), {job_id: 0})


async def withdraw(
    jobs: JobQueue, job_id: str, interest: str, *, instead: str = "", stop: bool = True
) -> str:
    """End an interest and return the verdict."""
    ended = await jobs.withdraw(job_id, interest, settlement("cancelled"), instead=instead, stop_running=stop)
    return ended.verdict


async def test_the_last_one_to_leave_cancels_a_queued_job(jobs: JobQueue, store: Redis) -> None:
    """Nothing of it is left to be claimed, and the question can be asked anew."""
    job = await submit(jobs, inbox=ONE)
    await submit(jobs, inbox=OTHER)
    assert await withdraw(jobs, job.job_id, ONE) == "wanted"
    assert await withdraw(jobs, job.job_id, OTHER) == "cancelled"
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=10, scan=True))[1] == []
    assert await jobs.outcomes([job.job_id]) == [b"outcome"]
    assert (await submit(jobs)).verdict == "created"


async def test_a_running_job_that_nobody_wants_is_stopped_or_let_finish_by_policy(jobs: JobQueue) -> None:
    """Stopping settles it at once: what its holder brings later is refused."""
    job = await submit(jobs, inbox=ONE)
    claimed = await claim(jobs)
    assert await withdraw(jobs, job.job_id, ONE, stop=False) == "wanted"
    assert await withdraw(jobs, job.job_id, ONE, stop=True) == "cancelled"
    assert await jobs.settle("w", job.job_id, claimed.token, settlement()) is Settled.refused
    assert await jobs.renew("w", [(job.job_id, claimed.token)], lease_ms=LEASE_MS) == {job.job_id}


async def test_a_holder_is_told_that_its_job_was_cancelled(jobs: JobQueue, store: Redis) -> None:
    """On its own channel, so that its call can be stopped within a round trip."""
    pubsub = store.pubsub()
    await pubsub.subscribe(keys.control("w"))
    await pubsub.get_message(timeout=1)
    job = await submit(jobs, inbox=ONE)
    await claim(jobs)
    await withdraw(jobs, job.job_id, ONE)
    message = await pubsub.get_message(timeout=1)
    assert message is not None
    assert message["data"] == b"announcement"
    await pubsub.aclose()  # type: ignore[no-untyped-call]


async def test_a_caller_who_takes_the_id_with_it_stays_interested(jobs: JobQueue) -> None:
    """A wait that ends in a 202 is no good-bye."""
    job = await submit(jobs, inbox=ONE)
    assert await withdraw(jobs, job.job_id, ONE, instead="polled:key") == "wanted"
    assert await withdraw(jobs, job.job_id, ONE) == "wanted"
    assert await withdraw(jobs, job.job_id, "polled:key") == "cancelled"


async def test_leaving_a_settled_or_unknown_job_changes_nothing(jobs: JobQueue) -> None:
    """A settled job never changes (G1)."""
    job = await submit(jobs, inbox=ONE)
    claimed = await claim(jobs)
    await jobs.settle("w", job.job_id, claimed.token, settlement())
    assert await withdraw(jobs, job.job_id, ONE) == "settled"
    assert await withdraw(jobs, "unknown", ONE) == "unknown"


async def test_a_job_whose_waiters_have_all_expired_is_claimed_as_unwanted(
    jobs: JobQueue, store: Redis
) -> None:
    """A crashed ingress cannot say good-bye; its interest ends by itself."""
    job = await submit(jobs, inbox=ONE)
    await store.zadd(keys.waiters(job.job_id), {ONE: 1})
    assert not (await claim(jobs)).wanted


async def test_a_batch_job_that_somebody_waits_for_is_promoted(jobs: JobQueue) -> None:
    """Its place in the batch bell becomes stale, which is harmless."""
    batch = msgspec.structs.replace(submission("q"), priority="batch")
    first = await jobs.submit(batch, interest="polled:key", for_ms=60_000)
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=1, bells=["interactive"]))[1] == []
    assert (await submit(jobs, "q")).verdict == "joined"
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1, bells=["interactive"])
    assert (claimed.job_id, claimed.priority) == (first.job_id, "interactive")
    assert (await jobs.claim("w", lease_ms=LEASE_MS, count=1, bells=["batch"]))[1] == []


async def test_a_scan_takes_no_more_batch_jobs_than_have_room(jobs: JobQueue, store: Redis) -> None:
    """Reserved slots are not filled by the back door; interactive jobs behind batch ones are found."""
    for question in "abc":
        batch = msgspec.structs.replace(submission(question), priority="batch")
        await jobs.submit(batch, interest="polled:key", for_ms=60_000)
    urgent = await submit(jobs, "urgent")
    await store.delete(keys.bell("interactive"), keys.bell("batch"))
    _, claimed = await jobs.claim("w", lease_ms=LEASE_MS, count=3, bells=[], scan=True, scan_batch=1)
    assert [c.priority for c in claimed] == ["batch", "interactive"]
    assert claimed[1].job_id == urgent.job_id


async def test_a_queue_longer_than_the_deadline_takes_nothing_and_says_when(
    jobs: JobQueue, store: Redis
) -> None:
    """Two jobs at one job a second are two seconds, which is more than one."""
    await store.set(keys.throughput(), "1.0")
    await submit(jobs, "a")
    await submit(jobs, "b")
    impatient = submission("c", deadline_ms=1_000)
    refused = await jobs.submit(impatient, interest="polled:key", for_ms=1_000)
    assert (refused.verdict, refused.ahead, refused.wait_ms) == ("late", 2, 1_000)
    full = await jobs.submit(submission("d", depth_max=2), interest="polled:key", for_ms=1_000)
    assert (full.verdict, full.wait_ms) == ("full", 1_000)


async def test_what_is_sent_and_not_settled_is_a_doubt_for_the_next_holder(
    jobs: JobQueue, store: Redis
) -> None:
    """The provider may bill: the claim after a crash says so, once for each."""
    job = await submit(jobs)
    first = await claim(jobs)
    assert await jobs.mark_sent(job.job_id, first.token)
    await expire_lease(store, job.job_id)
    second = await claim(jobs, "x", scan=True)
    assert (second.doubts, second.doubted) == (1, True)
    await expire_lease(store, job.job_id)
    third = await claim(jobs, "y", scan=True)
    assert (third.doubts, third.doubted) == (1, False)
    assert not await jobs.mark_sent(job.job_id, first.token)


async def test_a_planned_stop_after_sending_is_a_doubt_but_no_try(jobs: JobQueue) -> None:
    """The call was cut off, and may be billed all the same."""
    job = await submit(jobs)
    claimed = await claim(jobs)
    await jobs.mark_sent(job.job_id, claimed.token)
    assert await jobs.release("w", claimed) == "handed_back_in_doubt"
    again = await claim(jobs)
    assert (again.tries, again.doubts, again.doubted) == (1, 1, False)


async def test_a_dead_workers_jobs_are_taken_back_at_once(jobs: JobQueue, store: Redis) -> None:
    """What it held can be claimed without waiting for the lease; what it had settled is left alone."""
    await submit(jobs, "done")
    done = await claim(jobs, "dead")
    await jobs.settle("dead", done.job_id, done.token, settlement())
    held = await submit(jobs, "held")
    stale = await claim(jobs, "dead")
    assert await jobs.reap("dead") == [held.job_id]
    assert await jobs.settle("dead", stale.job_id, stale.token, settlement()) is Settled.refused
    again = await claim(jobs, "x")
    assert (again.job_id, again.tries) == (held.job_id, 2)
    assert await jobs.reap("dead") == []


async def test_reaping_leaves_alone_what_another_has_claimed_meanwhile(jobs: JobQueue, store: Redis) -> None:
    """The lease was faster."""
    job = await submit(jobs)
    await claim(jobs, "dead")
    await expire_lease(store, job.job_id)
    current = await claim(jobs, "x", scan=True)
    assert await jobs.reap("dead") == []
    assert await jobs.settle("x", job.job_id, current.token, settlement()) is Settled.committed


async def test_a_job_given_up_is_a_dead_letter_with_its_story(jobs: JobQueue, store: Redis) -> None:
    """Reason, worker, attempts and times; the payload stays in Redis."""
    job = await submit(jobs)
    claimed = await claim(jobs)
    given_up = msgspec.structs.replace(settlement("failed"), given_up="tries_exhausted")
    assert await jobs.settle("w", job.job_id, claimed.token, given_up) is Settled.committed
    [letter] = await DeadLetters(store).newest()
    assert (letter.job_id, letter.reason, letter.worker) == (job.job_id, "tries_exhausted", "w")
    assert (letter.attempts, letter.function) == (1, "unreadable")
    assert letter.ended_at_ms >= letter.created_at_ms > 0


async def test_a_dead_letter_can_live_again_once(jobs: JobQueue, store: Redis) -> None:
    """As a new job, with the same payload, for the same tenant."""
    job = await submit(jobs)
    claimed = await claim(jobs)
    given_up = msgspec.structs.replace(settlement("failed"), given_up="tries_exhausted")
    await jobs.settle("w", job.job_id, claimed.token, given_up)
    # The record of a failed job is gone long before its letter.
    await store.delete(keys.job(job.job_id))
    letters = DeadLetters(store)
    [letter] = await letters.newest()
    new_id = await letters.requeue(letter.id, deadline_ms=60_000)
    again = await claim(jobs)
    assert again.job_id == new_id != job.job_id
    assert (again.payload, again.wanted) == (b"payload of q", True)
    owner = await store.hmget(keys.job(again.job_id), ["tenant", "model", "metadata"])  # type: ignore[misc]
    assert owner == [b"t", b"m", b"{}"]
    assert await letters.requeue(letter.id, deadline_ms=60_000) is None


async def test_dead_letters_can_be_purged_singly_or_all(jobs: JobQueue, store: Redis) -> None:
    """And say how many there were."""
    for question in "abc":
        await submit(jobs, question)
        claimed = await claim(jobs)
        given_up = msgspec.structs.replace(settlement("failed"), given_up="tries_exhausted")
        await jobs.settle("w", claimed.job_id, claimed.token, given_up)
    letters = DeadLetters(store)
    newest, *_ = await letters.newest()
    assert await letters.purge([newest.id]) == 1
    assert await letters.purge() == 2
    assert await letters.newest() == []
