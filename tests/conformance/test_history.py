"""What has settled can be found by what it was, page by page, at a bounded cost."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.history import History, Row, Wanted
from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Hit, Settlement
from tests.support.jobs import LEASE_MS, settlement, submission

pytestmark = pytest.mark.anyio

KEPT = 1_000


def remembered(state: str = "completed", hit: Hit = "miss", error: str = "") -> Settlement:
    """A settlement that goes into the history."""
    changes = {"state": state, "hit": hit, "error": error, "history_jobs": KEPT}
    return msgspec.structs.replace(settlement(), **changes)


async def settle(jobs: JobQueue, question: str, how: Settlement, **record: str) -> str:
    """One job from submission to its end."""
    job = submission(question)
    job = msgspec.structs.replace(job, record=job.record | record)
    submitted = await jobs.submit(job, interest="sentinel:inbox:a", for_ms=5_000)
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    await jobs.settle("w", claimed.job_id, claimed.token, how)
    return submitted.job_id


def ids(rows: tuple[Row, ...]) -> list[str]:
    """The jobs of some rows."""
    return [row.job_id for row in rows]


async def test_settled_jobs_are_found_newest_first_page_by_page(jobs: JobQueue, store: Redis) -> None:
    """Each job once, and no page repeats or skips one."""
    settled = [await settle(jobs, f"q{n}", remembered()) for n in range(5)]
    history = History([store])
    first = await history.settled(Wanted(), count=2)
    second = await history.settled(Wanted(), after=first.after, count=2)
    third = await history.settled(Wanted(), after=second.after, count=2)
    assert ids(first.rows + second.rows + third.rows) == settled[::-1]
    assert third.after == ""
    [row] = third.rows
    assert (row.state, row.tenant, row.model, row.hit, row.worker) == ("completed", "t", "m", "miss", "w")
    assert row.created_ms <= row.started_ms <= row.settled_ms


async def test_jobs_are_found_by_any_of_their_facets(jobs: JobQueue, store: Redis) -> None:
    """Alone and together; what nearly every job is has no index, and is found all the same."""
    failed = await settle(jobs, "failed", remembered("failed", "", "upstream_timeout"))
    near = await settle(jobs, "near", remembered(hit="semantic"), model="large")
    bought = await settle(jobs, "bought", remembered(), tenant="other")
    history = History([store])

    async def found(**facets: str) -> list[str]:
        return ids((await history.settled(Wanted(facets=tuple(facets.items())))).rows)

    assert await found(state="failed") == [failed]
    assert await found(error="upstream_timeout", state="failed") == [failed]
    assert await found(hit="semantic") == [near]
    assert await found(model="large", state="completed") == [near]
    assert await found(tenant="other") == [bought]
    assert await found(hit="miss", tenant="t") == []
    assert await found(state="completed") == [bought, near]


async def test_times_bound_what_is_found(jobs: JobQueue, store: Redis) -> None:
    """Both ends count."""
    job = await settle(jobs, "q", remembered())
    history = History([store])
    [row] = (await history.settled(Wanted())).rows
    at = row.settled_ms
    assert ids((await history.settled(Wanted(since_ms=at, until_ms=at))).rows) == [job]
    assert (await history.settled(Wanted(since_ms=at + 1))).rows == ()
    assert (await history.settled(Wanted(until_ms=at - 1))).rows == ()


async def test_a_cancelled_job_is_remembered_and_everybody_who_waits_is_told(
    jobs: JobQueue, store: Redis
) -> None:
    """An operator's cancel ends every interest at once."""
    await jobs.submit(submission(), interest="sentinel:inbox:a", for_ms=5_000)
    job = await jobs.submit(submission(), interest="sentinel:inbox:b", for_ms=5_000)
    async with store.pubsub() as waiting:
        await waiting.subscribe("sentinel:inbox:a", "sentinel:inbox:b")
        ended = await jobs.withdraw(
            job.job_id, "*", remembered("cancelled", "", "cancelled"), stop_running=True
        )
        assert ended.verdict == "cancelled"
        told: set[bytes] = set()
        while len(told) < 2:
            message = await waiting.get_message(ignore_subscribe_messages=True, timeout=5)
            if message is not None:
                told.add(message["channel"])
    [row] = (await History([store]).settled(Wanted(facets=(("state", "cancelled"),)))).rows
    assert (row.job_id, row.error, row.twins) == (job.job_id, "cancelled", 1)


async def test_live_jobs_are_found_by_state(jobs: JobQueue, store: Redis) -> None:
    """A running job's place in the queue is its lease, and it is not taken for a waiting one."""
    running = await jobs.submit(submission("running"), interest="sentinel:inbox:a", for_ms=5_000)
    await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    queued = await jobs.submit(submission("queued"), interest="sentinel:inbox:a", for_ms=5_000)
    history = History([store])
    assert ids(await history.live("in_progress", Wanted())) == [running.job_id]
    assert ids(await history.live("queued", Wanted())) == [queued.job_id]
    assert await history.live("queued", Wanted(facets=(("model", "none"),))) == ()


async def test_the_history_is_bounded_and_so_are_its_indexes(jobs: JobQueue, store: Redis) -> None:
    """What left the history is not found through an index either."""
    kept = msgspec.structs.replace(remembered(), history_jobs=100)
    for number in range(400):
        await settle(jobs, f"q{number}", kept)
    # Redis trims whole nodes of a stream, of about 100 rows.
    assert await store.xlen(keys.history()) <= 300
    assert await store.xlen(keys.history_of("model", "m")) <= 400
    page = await History([store]).settled(Wanted(facets=(("model", "m"),)), count=1_000)
    assert 100 <= len(page.rows) <= await store.xlen(keys.history())


async def test_a_question_is_kept_only_where_its_job_says_so(jobs: JobQueue, store: Redis) -> None:
    """By default it goes with the settle."""
    gone = await settle(jobs, "gone", remembered())
    kept = await settle(jobs, "kept", remembered(), replay_ms="60000")
    assert await store.exists(keys.payload(gone)) == 0
    assert 0 < await store.pttl(keys.payload(kept)) <= 60_000


async def test_claims_are_noted_with_worker_and_token(jobs: JobQueue, store: Redis) -> None:
    """Each attempt of a job, in order."""
    job = await jobs.submit(submission(), interest="sentinel:inbox:a", for_ms=5_000)
    _, [first] = await jobs.claim("one", lease_ms=LEASE_MS, count=1)
    await jobs.release("one", first)
    _, [second] = await jobs.claim("two", lease_ms=LEASE_MS, count=1)
    noted = (await store.hget(keys.job(job.job_id), "claims")).decode().splitlines()  # type: ignore[misc]
    assert [line.split(" ")[1:] for line in noted] == [[first.token, "one"], [second.token, "two"]]
