"""Releases side by side, and our own mistakes: nobody's job is failed for another's version."""

import msgspec
import pytest
from redis.asyncio import Redis

from shared.claims import Claimed
from shared.submissions import Submission, Submitted
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.job import VERSION, Job, encode_payload
from shared.wire.outcome import Failed, decode_result
from tests.support.worker import STOCK, FakeProvider, at_work, outcome_of, until
from workers.context import WorkerContext

pytestmark = pytest.mark.anyio


def _payload(version: int) -> bytes:
    job = Job(
        completion=Completion(model="m", messages=(Message("user", "new?"),)),
        policy=CachePolicy(),
        tenant="t",
        fingerprint="new",
        partition="p",
        request_id="req_1",
    )
    fields = msgspec.msgpack.decode(encode_payload(job, 1))
    fields["k"]["job"] |= {"v": version, "of_another_shape": True}
    if version > VERSION:
        del fields["k"]["job"]["completion"]
    return msgspec.msgpack.encode(fields)


async def _submit(ctx: WorkerContext, payload: bytes, deadline_ms: int = 60_000) -> Submitted:
    submission = Submission(
        flight_id="new",
        fingerprint="new",
        payload=payload,
        priority="interactive",
        deadline_ms=deadline_ms,
        depth_max=100,
        record={"tenant": "t", "model": "m"},
    )
    return await ctx.jobs.submit(submission, interest="polled:key", for_ms=60_000)


async def test_a_job_of_a_later_release_is_left_for_its_worker(
    ctx: WorkerContext, redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes back unfinished and untried; whoever can read it runs it."""
    submitted = await _submit(ctx, _payload(VERSION + 1))

    async def left() -> bool:
        return any("left for a later release" in record.getMessage() for record in caplog.records)

    async with at_work(ctx, STOCK):
        await until(left)
    assert await ctx.jobs.outcomes([submitted.job_id]) == [None]
    claimed = await _claimed_once_due(ctx)
    assert (claimed.job_id, claimed.tries) == (submitted.job_id, 1)


async def test_a_job_of_a_later_release_expires_when_no_worker_can_read_it(
    ctx: WorkerContext, redis: Redis
) -> None:
    """Its callers are told at its deadline, by whichever worker looks (G1)."""
    submitted = await _submit(ctx, _payload(VERSION + 1), deadline_ms=300)
    async with at_work(ctx, STOCK):
        outcome = decode_result(await outcome_of(redis, ctx.jobs, submitted.job_id)).r
    assert isinstance(outcome, Failed)
    assert outcome.code == "deadline_exceeded"


async def test_a_job_that_our_own_mistake_breaks_fails_at_once(
    ctx: WorkerContext, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with a reason, instead of breaking one worker after the other."""

    async def mistaken(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a mistake of ours")

    monkeypatch.setattr(FakeProvider, "complete", mistaken)
    submitted = await _submit(ctx, _payload(VERSION))
    async with at_work(ctx, STOCK):
        outcome = decode_result(await outcome_of(redis, ctx.jobs, submitted.job_id)).r
    assert isinstance(outcome, Failed)
    assert outcome.code == "internal_error"
    record = await redis.hget("sentinel:job:" + submitted.job_id, "attempts")  # type: ignore[misc]
    assert record == b"1"


async def _claimed_once_due(ctx: WorkerContext) -> Claimed:
    found: list[Claimed] = []

    async def due() -> bool:
        found.extend((await ctx.jobs.claim("x", lease_ms=3_000, count=1, scan=True))[1])
        return bool(found)

    await until(due)
    return found[0]
