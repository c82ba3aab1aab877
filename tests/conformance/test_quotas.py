"""What one key may have under way, and buy a minute."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import keys
from shared.settlements import Increment
from shared.submissions import Quota, Submitted
from tests.support.jobs import LEASE_MS, settlement, submission

pytestmark = pytest.mark.anyio
TOKENS = Quota(tokens_per_minute=1_000, tokens=400)


async def ask(jobs: JobQueue, question: str, quota: Quota, key_id: str = "k") -> Submitted:
    """Submit a question of a key."""
    record = {"tenant": "t", "key_id": key_id, "model": "m", "metadata": "{}"}
    job = msgspec.structs.replace(submission(question), record=record, quota=quota)
    return await jobs.submit(job, interest="sentinel:inbox:a|1", for_ms=60_000)


async def settle(jobs: JobQueue, **tokens: int) -> None:
    """Let one job settle that took so many tokens."""
    _, [claimed] = await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    lines = tuple(Increment(f"k|m|{name}", amount) for name, amount in tokens.items())
    await jobs.settle("w", claimed.job_id, claimed.token, msgspec.structs.replace(settlement(), ledger=lines))


async def left(store: Redis, key_id: str = "k") -> float:
    """Model tokens in a key's bucket."""
    return float(await store.hget(keys.key_tokens(key_id), "tokens") or "nan")  # type: ignore[misc]


async def test_a_key_has_so_many_jobs_unsettled_also_when_all_come_at_once(jobs: JobQueue) -> None:
    """Those that settle make room; another key has its own."""
    quota = Quota(jobs_max=3)
    found = await asyncio.gather(*(ask(jobs, f"q{n}", quota) for n in range(8)))
    assert sorted(one.verdict for one in found) == ["created"] * 3 + ["crowded"] * 5
    assert (await ask(jobs, "other", quota, "k2")).verdict == "created"
    await settle(jobs)
    assert (await ask(jobs, "more", quota)).verdict == "created"
    assert (await ask(jobs, "too many", quota)).verdict == "crowded"


async def test_jobs_that_were_started_do_not_wait_any_more(jobs: JobQueue) -> None:
    """Waiting ones have a limit of their own."""
    quota = Quota(queued_jobs_max=1)
    assert [(await ask(jobs, q, quota)).verdict for q in "ab"] == ["created", "crowded"]
    await jobs.claim("w", lease_ms=LEASE_MS, count=1)
    assert [(await ask(jobs, q, quota)).verdict for q in "bc"] == ["created", "crowded"]


async def test_joining_a_flight_takes_nothing(jobs: JobQueue) -> None:
    """There is no new job, and nothing more is bought."""
    quota = Quota(jobs_max=1, tokens_per_minute=400, tokens=400)
    assert [(await ask(jobs, "same", quota)).verdict for _ in range(3)] == ["created", "joined", "joined"]


async def test_a_withdrawn_job_gives_everything_back(jobs: JobQueue, store: Redis) -> None:
    """Room and tokens."""
    quota = msgspec.structs.replace(TOKENS, jobs_max=1)
    job = await ask(jobs, "a", quota)
    await jobs.withdraw(job.job_id, "sentinel:inbox:a|1", settlement("cancelled"), stop_running=True)
    assert await left(store) == pytest.approx(1_000)
    assert (await ask(jobs, "b", quota)).verdict == "created"


async def test_tokens_are_set_aside_and_a_refusal_says_when_they_fit(jobs: JobQueue) -> None:
    """Two of 400 fit in 1,000; the third is 200 short, which is a fifth of a minute."""
    found = [await ask(jobs, q, TOKENS) for q in "abc"]
    assert [one.verdict for one in found] == ["created", "created", "drained"]
    assert found[-1].wait_ms == pytest.approx(12_000, abs=500)


async def test_what_the_provider_counted_is_what_counts(jobs: JobQueue, store: Redis) -> None:
    """Less than was set aside comes back; more is a debt that the next minute pays."""
    await ask(jobs, "a", TOKENS)
    await settle(jobs, input_tokens=60, cached_input_tokens=50, output_tokens=40, cost=7)
    assert await left(store) == pytest.approx(900, abs=20)
    await ask(jobs, "b", TOKENS)
    await settle(jobs, input_tokens=60, output_tokens=1_940)
    assert await left(store) == pytest.approx(-1_100, abs=40)
    refused = await ask(jobs, "c", TOKENS)
    assert refused.verdict == "drained"
    assert refused.wait_ms == pytest.approx(90_000, abs=3_000)
    assert await store.pttl(keys.key_tokens("k")) > 120_000


async def test_an_answer_that_cost_no_call_costs_no_tokens(jobs: JobQueue, store: Redis) -> None:
    """Found by meaning, for example."""
    await ask(jobs, "a", TOKENS)
    await settle(jobs)
    assert await left(store) == pytest.approx(1_000)


async def test_a_question_larger_than_a_minute_takes_a_full_one(jobs: JobQueue) -> None:
    """Else it could never be asked."""
    huge = msgspec.structs.replace(TOKENS, tokens=50_000)
    assert [(await ask(jobs, q, huge)).verdict for q in "ab"] == ["created", "drained"]
