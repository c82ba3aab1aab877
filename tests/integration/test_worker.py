"""A worker on a real Redis: answers, failures, lost leases and crashes."""

import asyncio
from typing import cast

import pytest
from redis.asyncio import Redis

from shared.errors import ProviderUnavailable
from shared.redis import keys
from shared.settings import Settings
from shared.submissions import Submission, Submitted
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.entry import Commit, encode
from shared.wire.job import Job, encode_payload
from shared.wire.outcome import Completed, Failed, decode_result
from tests.support import worker as support
from tests.support.worker import STOCK, FakeEmbedder, FakeProvider, outcome_of, until
from workers.context import WorkerContext
from workers.semantic.embedder import EmbedderError
from workers.worker import SentinelWorker

pytestmark = pytest.mark.anyio
EVERYTHING = CachePolicy()


async def submit(
    ctx: WorkerContext, question: str, *, deadline_ms: int = 60_000, policy: CachePolicy = EVERYTHING
) -> Submitted:
    """Hand a question in as an ingress does."""
    job = Job(
        completion=Completion(model="m", messages=(Message("user", question),)),
        policy=policy,
        tenant="t",
        fingerprint=question,
        partition="p",
        request_id="req_1",
    )
    submission = Submission(
        flight_id=question,
        fingerprint=question,
        payload=encode_payload(job, 1),
        priority="interactive",
        deadline_ms=deadline_ms,
        depth_max=100,
        record={"tenant": "t", "model": "m"},
    )
    return await ctx.jobs.submit(submission, interest="polled:key", for_ms=60_000)


async def answered(ctx: WorkerContext, question: str, **policy: object) -> Completed | Failed:
    """Ask, and wait for the outcome."""
    submitted = await submit(ctx, question, policy=CachePolicy(**policy))  # type: ignore[arg-type]
    return decode_result(await outcome_of(ctx.redis, ctx.jobs, submitted.job_id)).r


def provider(ctx: WorkerContext) -> FakeProvider:
    """The scripted provider of a context."""
    return cast("FakeProvider", ctx.buyer.offers("any")[0].provider)


def embedder(ctx: WorkerContext) -> FakeEmbedder:
    """The scripted embedder of a context."""
    return cast("FakeEmbedder", ctx.semantic._embedder)


async def called(ctx: WorkerContext) -> None:
    """Wait until the provider has been called."""
    async with asyncio.timeout(10):
        await provider(ctx).called.wait()


async def until_indexed(ctx: WorkerContext, count: int) -> None:
    """Wait until the worker's own index has heard of so many entries."""

    async def indexed() -> bool:
        return len(await ctx.feed.partition("p:fake/8")) >= count

    await until(indexed)


async def test_a_bought_answer_becomes_an_entry_and_serves_its_neighbours(
    ctx: WorkerContext, worker: SentinelWorker
) -> None:
    """Provider first, then by meaning: the second question costs nothing."""
    embedder(ctx).table = {"What is Redis?": [1, 0.1] + [0] * 6, "What's Redis?": [1, 0.2] + [0] * 6}
    first = await answered(ctx, "What is Redis?")
    await until_indexed(ctx, 1)
    second = await answered(ctx, "What's Redis?")
    assert isinstance(first, Completed)
    assert isinstance(second, Completed)
    assert (first.source, second.source) == ("provider", "semantic")
    assert second.answer == first.answer
    assert second.match is not None
    assert second.match.similarity > 0.99
    assert len(provider(ctx).calls) == 1
    entry = await ctx.entries.read("What is Redis?", "t")
    assert entry is not None
    assert entry.answer.cost == 42


async def test_a_miss_says_how_near_the_nearest_was(ctx: WorkerContext, worker: SentinelWorker) -> None:
    """Why not: similarity and threshold are told, and which entry it was."""
    embedder(ctx).table = {"one": [1, 0] + [0] * 6, "other": [1, 1] + [0] * 6}
    await answered(ctx, "one")
    await until_indexed(ctx, 1)
    missed = await answered(ctx, "other")
    assert missed.match is not None
    assert missed.match.similarity == pytest.approx(0.7071, abs=1e-3)
    assert (missed.match.threshold, missed.match.entry_id) == (0.9, "one")


async def test_a_caller_may_raise_the_threshold_and_never_lower_it(
    ctx: WorkerContext, worker: SentinelWorker
) -> None:
    """Policy is a floor."""
    embedder(ctx).table = {"a": [1, 0] + [0] * 6, "b": [1, 0.3] + [0] * 6, "c": [1, 1] + [0] * 6}
    await answered(ctx, "a")
    await until_indexed(ctx, 1)
    raised = await answered(ctx, "b", threshold=0.99)
    lowered = await answered(ctx, "c", threshold=0.1)
    assert isinstance(raised, Completed)
    assert isinstance(lowered, Completed)
    assert (raised.source, lowered.source) == ("provider", "provider")


async def test_what_must_not_be_stored_is_not(ctx: WorkerContext, worker: SentinelWorker) -> None:
    """no-store leaves neither entry nor vector."""
    await answered(ctx, "private", write=False)
    assert await ctx.entries.read("private", "t") is None
    assert await ctx.redis.exists(keys.outbox(), keys.index_changes()) == 0


async def test_a_broken_embedder_costs_the_semantic_step_and_not_the_answer(
    ctx: WorkerContext, worker: SentinelWorker
) -> None:
    """The answer is bought and cached exactly; the index stays clean."""
    embedder(ctx).error = EmbedderError("down")
    outcome = await answered(ctx, "q")
    assert isinstance(outcome, Completed)
    assert outcome.match is None

    async def stored() -> bool:
        return await ctx.entries.read("q", "t") is not None

    await until(stored)
    assert await ctx.redis.exists(keys.index("p:fake/8")) == 0


async def test_a_provider_failure_is_the_jobs_outcome(ctx: WorkerContext, worker: SentinelWorker) -> None:
    """Settled once, with its code and whether a retry can help; nothing is cached."""
    provider(ctx).reply = lambda _: ProviderUnavailable("The provider answered 500.", retry_after_s=3)
    outcome = await answered(ctx, "q")
    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.retryable, outcome.retry_after_s) == ("upstream_unavailable", True, 3)
    assert await ctx.entries.read("q", "t") is None


async def test_work_past_its_deadline_is_never_started(ctx: WorkerContext) -> None:
    """Nothing is bought for somebody who has gone: neither an answer nor an embedding."""
    embedder(ctx).error = AssertionError("embedded")
    submitted = await submit(ctx, "late", deadline_ms=1)
    await asyncio.sleep(0.01)
    async with support.at_work(ctx, STOCK):
        outcome = decode_result(await outcome_of(ctx.redis, ctx.jobs, submitted.job_id)).r
    assert isinstance(outcome, Failed)
    assert outcome.code == "deadline_exceeded"
    assert provider(ctx).calls == []


async def test_a_worker_that_lost_its_lease_is_stopped_and_settles_nothing(
    ctx: WorkerContext, worker: SentinelWorker
) -> None:
    """Somebody else holds the job: this one's call is cancelled (G2)."""
    provider(ctx).may_answer.clear()
    submitted = await submit(ctx, "q")
    await called(ctx)
    await ctx.redis.hset(keys.job(submitted.job_id), "fence", "99999999999999999")  # type: ignore[misc]

    async def stopped() -> bool:
        return len(worker._leases) == 0

    await until(stopped)
    provider(ctx).may_answer.set()
    assert await ctx.jobs.outcomes([submitted.job_id]) == [None]


async def test_a_job_that_no_worker_survives_fails_after_its_tries(
    ctx: WorkerContext, redis: Redis, settings: Settings
) -> None:
    """A poison job stops, and says so."""
    submitted = await submit(ctx, "poison")
    await redis.hset(keys.job(submitted.job_id), "tries", str(settings.tries_max))  # type: ignore[misc]
    async with support.at_work(ctx, STOCK):
        outcome = decode_result(await outcome_of(redis, ctx.jobs, submitted.job_id)).r
    assert isinstance(outcome, Failed)
    assert outcome.code == "tries_exhausted"
    assert provider(ctx).calls == []


async def test_a_redis_restart_ends_neither_worker_nor_job(ctx: WorkerContext, redis: Redis) -> None:
    """Connections are cut in mid-call; the answer is settled once Redis is back."""
    async with support.at_work(ctx, STOCK) as worker:
        provider(ctx).may_answer.clear()
        submitted = await submit(ctx, "q")
        await called(ctx)
        await redis.client_kill_filter(_type="normal", skipme=True)
        provider(ctx).may_answer.set()
        outcome = decode_result(await outcome_of(redis, ctx.jobs, submitted.job_id)).r
        assert isinstance(outcome, Completed)
        assert not worker.stopping
    assert len(provider(ctx).calls) == 1


async def test_an_unreadable_payload_fails_instead_of_looping(
    ctx: WorkerContext, worker: SentinelWorker
) -> None:
    """Garbage in the queue is an outcome, too."""
    submitted = await submit(ctx, "garbage", deadline_ms=60_000)
    await ctx.redis.set(keys.payload("other"), b"\xc1")
    await ctx.redis.zadd(keys.queue(), {"other": 1})
    await outcome_of(ctx.redis, ctx.jobs, submitted.job_id)
    assert isinstance(decode_result(await outcome_of(ctx.redis, ctx.jobs, "other")).r, Failed)


async def test_commits_that_a_crash_left_in_the_outbox_reach_the_cache(ctx: WorkerContext) -> None:
    """Any worker carries them there."""
    async with support.at_work(ctx, STOCK):
        await answered(ctx, "first")
    entry = await ctx.entries.read("first", "t")
    assert entry is not None
    orphan = Commit(fence="9" * 16, entry=entry, partition="p:fake/8")
    await ctx.redis.delete(keys.entry("first"))
    await ctx.redis.xadd(keys.outbox(), {"commit": encode(orphan)})
    await ctx.redis.xadd(keys.outbox(), {"commit": b"\xc1"})

    async def emptied() -> bool:
        return not await ctx.redis.xlen(keys.outbox())

    async with support.at_work(ctx, STOCK):
        await until(emptied)
    assert await ctx.entries.read("first", "t") == entry
