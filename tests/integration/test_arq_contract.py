"""We remain arq: its stock client enqueues here and reads what we settle."""

import asyncio
import os
import sys
from pathlib import Path
from subprocess import DEVNULL

import msgspec
import pytest
from arq.connections import ArqRedis
from arq.jobs import Job, JobStatus, SerializationError
from redis.asyncio import Redis

from shared.redis import keys
from shared.settings import Settings
from shared.submissions import Submission
from shared.wire.completion import CachePolicy, Completion, Message
from shared.wire.job import Job as OurJob, encode_payload
from tests.support.stack import ROOT
from tests.support.worker import STOCK, at_work, until
from workers.context import WorkerContext
from workers.worker import SentinelWorker

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stock(redis: Redis) -> ArqRedis:
    """arq's own client, as its users set it up for a queue without pickle."""
    return ArqRedis(
        pool_or_conn=redis.connection_pool,
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
    )


async def test_a_stock_enqueue_runs_on_our_worker_and_a_stock_result_reads_it(
    worker: SentinelWorker, stock: ArqRedis
) -> None:
    """Arguments, keywords, result and status, without a bell having been rung."""
    job = await stock.enqueue_job("double", 20, plus=2)
    assert job is not None
    assert await job.result(timeout=10, poll_delay=0.02) == 42
    assert await job.status() is JobStatus.complete
    info = await job.result_info()
    assert info is not None
    assert (info.function, info.success, info.job_try, info.queue_name) == ("double", True, 1, "arq:queue")
    assert info.start_time <= info.finish_time


async def test_stock_failures_and_unknown_functions_are_read_as_failures(
    worker: SentinelWorker, stock: ArqRedis
) -> None:
    """The error arrives as text: no exception object travels."""
    for function, text in (("broken", "ValueError: no luck"), ("missing", "not found")):
        job = await stock.enqueue_job(function)
        assert job is not None
        with pytest.raises(SerializationError, match=text):
            await job.result(timeout=10, poll_delay=0.02)


async def test_a_stock_status_follows_our_job_from_queue_to_outcome(
    ctx: WorkerContext, stock: ArqRedis, settings: Settings
) -> None:
    """Queued, in progress, complete; the result is our outcome envelope."""
    completion = Completion(model="m", messages=(Message("user", "Why?"),))
    job = OurJob(
        completion=completion,
        policy=CachePolicy(),
        tenant="t",
        fingerprint="f" * 64,
        partition="p",
        request_id="req_1",
    )
    submission = Submission(
        flight_id="f",
        fingerprint="f",
        payload=encode_payload(job, 1),
        priority="interactive",
        deadline_ms=60_000,
        depth_max=10,
        record={"tenant": "t"},
    )
    submitted = await ctx.jobs.submit(submission, interest="polled:key", for_ms=60_000)
    seen = Job(submitted.job_id, stock, _deserializer=msgspec.msgpack.decode)
    assert await seen.status() is JobStatus.queued
    info = await seen.info()
    assert info is not None
    assert info.function == "answer"
    _, [claimed] = await ctx.jobs.claim("w", lease_ms=600, count=1)
    assert await seen.status() is JobStatus.in_progress
    await stock.delete(f"arq:in-progress:{claimed.job_id}")
    await stock.zadd("arq:queue", {claimed.job_id: 1})
    async with at_work(ctx, STOCK):
        result = await seen.result(timeout=10, poll_delay=0.02)
    assert result["type"] == "completed"
    assert result["answer"]["text"] == "answer to Why?"


async def test_a_deferred_stock_job_runs_when_it_is_due(worker: SentinelWorker, stock: ArqRedis) -> None:
    """Deferral is the score, which the scan obeys."""
    job = await stock.enqueue_job("double", 1, _defer_by=0.5)
    assert job is not None
    assert await job.status() is JobStatus.deferred
    started = asyncio.get_running_loop().time()
    assert await job.result(timeout=10, poll_delay=0.02) == 2
    assert asyncio.get_running_loop().time() - started >= 0.4


async def test_arqs_own_check_finds_a_living_worker_and_misses_a_dead_one(
    worker: SentinelWorker, settings: Settings, redis: Redis
) -> None:
    """`arq --check workers.arq_settings.WorkerSettings`, for those whose health checks are arq's."""
    command = [str(Path(sys.executable).parent / "arq"), "--check", "workers.arq_settings.WorkerSettings"]

    async def exit_code() -> int:
        environ = os.environ | {"SENTINEL_REDIS_URL": settings.redis_url}
        checking = await asyncio.create_subprocess_exec(*command, env=environ, cwd=ROOT, stderr=DEVNULL)
        return await checking.wait()

    async def beaten() -> bool:
        return bool(await redis.exists(keys.health_check()))

    await until(beaten)
    assert await exit_code() == 0
    worker.stop()

    async def silent() -> bool:
        return not await beaten()

    await until(silent, within=10)
    assert await exit_code() == 1
