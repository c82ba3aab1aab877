"""Who wants a job and who only watches it: one leaves without hurting another, and all are told."""

import pytest
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from shared.jobs import JobQueue
from shared.redis import keys
from shared.submissions import polled_by
from tests.support.jobs import LEASE_MS, settlement, submission, submit

pytestmark = pytest.mark.anyio
INBOX, OTHER = keys.inbox("one"), keys.inbox("other")
KEY = polled_by("key")


async def _leave(jobs: JobQueue, job_id: str, interest: str) -> str:
    ended = await jobs.withdraw(job_id, interest, settlement("cancelled"), stop_running=True)
    return ended.verdict


async def _settle(jobs: JobQueue) -> None:
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=10)
    await jobs.settle("w", claimed.job_id, claimed.token, settlement())


async def _subscribe(pubsub: PubSub, *channels: str) -> None:
    await pubsub.subscribe(*channels)
    for _ in channels:
        assert await pubsub.get_message(timeout=1) is not None


async def _announcements(pubsub: PubSub) -> list[bytes]:
    heard = []
    while (message := await pubsub.get_message(timeout=0.1)) is not None:
        heard.append(message["channel"])
    return heard


async def test_twins_at_one_ingress_leave_one_by_one(jobs: JobQueue) -> None:
    """A twin that joins while another leaves keeps the job, in whatever order Redis hears of them."""
    job = await submit(jobs, inbox=f"{INBOX}|0")
    await submit(jobs, inbox=f"{INBOX}|1")
    assert await _leave(jobs, job.job_id, f"{INBOX}|0") == "wanted"
    assert await _leave(jobs, job.job_id, f"{INBOX}|0") == "wanted"
    assert await _leave(jobs, job.job_id, f"{INBOX}|1") == "cancelled"


async def test_an_ingress_is_told_once_however_many_of_its_callers_wait(jobs: JobQueue, store: Redis) -> None:
    """And one that only watches is told as well."""
    job = await submit(jobs, inbox=f"{INBOX}|0")
    await submit(jobs, inbox=f"{INBOX}|1")
    await jobs.attach(job.job_id, INBOX, interest=KEY, for_ms=5_000)
    await jobs.attach(job.job_id, OTHER, interest=KEY, for_ms=5_000)
    async with store.pubsub() as pubsub:
        await _subscribe(pubsub, INBOX, OTHER)
        await _settle(jobs)
        assert sorted(await _announcements(pubsub)) == [INBOX.encode(), OTHER.encode()]


async def test_who_cancels_while_it_waits_is_told_at_once(jobs: JobQueue, store: Redis) -> None:
    """Its own wait for the outcome is no reason to go on."""
    job = await jobs.submit(submission(), interest=KEY, for_ms=60_000)
    assert await jobs.attach(job.job_id, INBOX, interest=KEY, for_ms=60_000) == "queued"
    async with store.pubsub() as pubsub:
        await _subscribe(pubsub, INBOX)
        assert await _leave(jobs, job.job_id, KEY) == "cancelled"
        assert await _announcements(pubsub) == [INBOX.encode()]


async def test_whoever_waits_by_id_keeps_the_job_from_one_who_leaves(jobs: JobQueue) -> None:
    """It has an interest of its own, also when it never submitted."""
    job = await submit(jobs, inbox=f"{INBOX}|0")
    await jobs.attach(job.job_id, OTHER, interest=KEY, for_ms=5_000)
    assert await _leave(jobs, job.job_id, f"{INBOX}|0") == "wanted"
    assert await _leave(jobs, job.job_id, KEY) == "cancelled"


async def test_there_is_nothing_to_watch_in_a_settled_job(jobs: JobQueue, store: Redis) -> None:
    """Its state says so, and no key is left behind."""
    job = await submit(jobs)
    await _settle(jobs)
    assert await jobs.attach(job.job_id, INBOX, interest=KEY, for_ms=5_000) == "completed"
    assert await jobs.attach("unknown", INBOX, interest=KEY, for_ms=5_000) == ""
    assert await store.exists(keys.waiters(job.job_id)) == 0
