"""Texts embedded by a worker: stored, booked, and refused where nobody can embed them."""

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from shared.ledger import Ledger
from shared.settings import Settings
from shared.submissions import Submission
from shared.wire.embedding import EmbedJob, Vectors, VectorsResult, decode_result, encode_payload
from shared.wire.outcome import Failed
from tests.support.redis_process import RedisProcess
from tests.support.worker import DIMENSIONS, STOCK, at_work, context, outcome_of
from workers.context import WorkerContext
from workers.embedding import AT_ONCE
from workers.semantic.embedder import Embedded, EmbedderError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ctx(redis_server: RedisProcess) -> AsyncIterator[WorkerContext]:
    """A worker's context on an empty Redis."""
    async with context(redis_server.url, Settings()) as found:
        await found.redis.flushall()
        yield found


async def embedded(ctx: WorkerContext, texts: tuple[str, ...], **members: Any) -> VectorsResult:
    """Let a worker embed texts and return what settled."""
    job = EmbedJob(
        model=str(members.pop("model", "fake")),
        texts=texts,
        fingerprints=tuple(f"f-{text}" for text in texts),
        tenant="t",
        key_id="k",
        request_id="r",
        ttl_s=60,
        **members,
    )
    submission = Submission(
        flight_id="flight",
        fingerprint="fingerprint",
        payload=encode_payload(job, 0),
        priority="interactive",
        deadline_ms=10_000,
        depth_max=10,
        record={"tenant": "t", "key_id": "k", "model": job.model, "embeds": "1"},
    )
    submitted = await ctx.jobs.submit(submission, interest="polled:k", for_ms=10_000)
    async with at_work(ctx, STOCK):
        return decode_result(await outcome_of(ctx.redis, ctx.jobs, submitted.job_id))


async def booked(ctx: WorkerContext) -> dict[str, int]:
    """What the ledger says of the key."""
    ledger = Ledger([ctx.redis])
    lines = await ledger.lines("t", range(await ledger.today(), await ledger.today() + 1))
    return dict(lines[0].amounts) if lines else {}


async def test_texts_become_vectors_that_are_stored_and_booked(ctx: WorkerContext) -> None:
    """In their order, in calls that leave room for others, each with its share of the bill."""
    texts = tuple(f"text {n}" for n in range(AT_ONCE + 1))
    ctx.semantic._embedder.table[texts[-1]] = [1.0] + [0.0] * (DIMENSIONS - 1)  # type: ignore[attr-defined]
    result = await embedded(ctx, texts)
    assert isinstance(result.r, Vectors)
    vectors = [np.frombuffer(vector.data, "<f4") for vector in result.r.vectors]
    assert len(vectors) == len(texts)
    assert vectors[-1][0] == 1.0
    assert vectors[0][-1] == 1.0
    # The fake embedder bills a token a call.
    assert sum(vector.tokens for vector in result.r.vectors) == 2
    assert (await booked(ctx))["embed_tokens"] == 2
    found = await ctx.embeddings.find("t", [f"f-{texts[-1]}"], ())
    assert found == [result.r.vectors[-1]]


async def test_what_an_embedder_cannot_read_or_give_is_the_callers_error(ctx: WorkerContext) -> None:
    """Another model, another length, a text that is cut; what was billed is booked."""
    for members in ({"model": "other"}, {"dimensions": DIMENSIONS + 1}):
        result = await embedded(ctx, ("a",), **members)
        assert isinstance(result.r, Failed)
        assert result.r.status in (400, 404)
        await ctx.redis.flushall()

    async def cut(texts: Any) -> Embedded:
        return Embedded(np.eye(len(texts), DIMENSIONS, dtype=np.float32), 9, (False, True))

    ctx.semantic._embedder.embed = cut  # type: ignore[method-assign]
    result = await embedded(ctx, ("short", "long"))
    assert isinstance(result.r, Failed)
    assert (result.r.status, result.r.code) == (400, "invalid_request")
    assert "Text 2" in result.r.detail
    assert (await booked(ctx))["embed_tokens"] == 9
    assert await ctx.embeddings.find("t", ["f-short"], ()) == [None]


async def test_an_embedder_that_fails_is_told_as_that(ctx: WorkerContext) -> None:
    """A retry may help."""
    ctx.semantic._embedder.error = EmbedderError("timeout")  # type: ignore[attr-defined]
    result = await embedded(ctx, ("a",))
    assert isinstance(result.r, Failed)
    assert (result.r.code, result.r.retryable) == ("embedder_unavailable", True)
    assert await booked(ctx) == {}
