"""One claimed job from payload to settled outcome."""

import logging
import time
from collections.abc import Mapping

import msgspec
from arq.cron import CronJob
from arq.worker import Function

from shared import logs, metrics
from shared.errors import Cancelled, DeadlineExceeded, InternalError, SentinelError, TriesExhausted
from shared.jobs import Claimed, Settlement
from shared.wire.job import FUNCTION, Job, Payload, decode_job
from shared.wire.outcome import Failed, Outcome
from workers.answer import Answered, answer
from workers.context import WorkerContext
from workers.patience import patiently
from workers.settling import settlement
from workers.stock import run_stock

logger = logging.getLogger(__name__)


async def run_job(
    ctx: WorkerContext,
    functions: Mapping[str, Function | CronJob],
    claimed: Claimed,
    payload: Payload | None,
    now_ms: int,
) -> bool:
    """Run a job and settle it; returns whether the outbox has something for the cache now."""
    started = time.monotonic()
    if payload is not None and payload.f != FUNCTION:
        await settle(ctx, claimed, await run_stock(functions, ctx, claimed, payload, now_ms))
        return False
    job, answered = await _answered(ctx, claimed, payload, now_ms)
    finished_ms = now_ms + int((time.monotonic() - started) * 1000)
    settled = settlement(
        claimed,
        job,
        answered,
        ctx.settings,
        partition=ctx.semantic.partition(job) if job else "",
        started_ms=now_ms,
        now_ms=finished_ms,
    )
    await settle(ctx, claimed, settled)
    _record(answered.outcome, claimed.tries)
    return settled.commit != b""


async def _answered(
    ctx: WorkerContext, claimed: Claimed, payload: Payload | None, now_ms: int
) -> tuple[Job | None, Answered]:
    """Answer the job, or say in an outcome why nobody will."""
    if claimed.tries > ctx.settings.tries_max:
        gave_up = f"{claimed.tries - 1} workers started this job and none finished."
        error: SentinelError = TriesExhausted(gave_up)
        return None, Answered(Failed.from_error(error))
    if not claimed.wanted:
        return None, Answered(Failed.from_error(Cancelled("Nobody wanted the answer any more.")))
    if payload is None:
        return None, Answered(Failed.from_error(DeadlineExceeded("The job waited past its deadline.")))
    try:
        job = decode_job(payload)
    except msgspec.DecodeError as unreadable:
        error = InternalError(f"This release cannot read the job ({type(unreadable).__name__}).")
        return None, Answered(Failed.from_error(error))
    logs.request_id.set(job.request_id)
    return job, await answer(ctx, claimed, job, now_ms)


def _record(outcome: Outcome, tries: int) -> None:
    timings = msgspec.to_builtins(outcome.timings)
    if isinstance(outcome, Failed):
        logger.warning("job failed", extra={"code": outcome.code, "tries": tries, "ms": timings})
    else:
        metrics.cache_hits.labels("semantic" if outcome.source == "semantic" else "miss").inc()
        logger.info("job completed", extra={"source": outcome.source, "tries": tries, "ms": timings})


async def settle(ctx: WorkerContext, claimed: Claimed, settled: Settlement) -> None:
    """Commit, retrying while Redis is away: a paid answer is not thrown away, and the fence decides."""
    committed = await patiently(
        lambda: ctx.jobs.settle(
            ctx.worker_id,
            claimed.job_id,
            claimed.token,
            settled,
            dead_letters_max=ctx.settings.dead_letters_max,
        ),
        "settle",
    )
    if not committed:
        metrics.jobs_fenced.inc()
        logger.warning("outcome refused, the lease was lost")
        return
    metrics.jobs_settled.labels(settled.state).inc()
    if settled.given_up:
        metrics.dead_letters.labels(settled.given_up).inc()
