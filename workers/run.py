"""One claimed job from payload to settled outcome."""

import logging
import time
from collections.abc import Mapping

import msgspec
from arq.cron import CronJob
from arq.worker import Function

from shared import logs, metrics, traceparent, tracing
from shared.claims import Claimed
from shared.errors import DeadlineExceeded, InternalError, SentinelError
from shared.ledger import tells_usage
from shared.prices import PICODOLLARS
from shared.rates import Rates
from shared.settlements import Settled, Settlement, Settling
from shared.submissions import CLASSES
from shared.wire.embedding import FUNCTION as EMBED, decode_job as decode_embed_job
from shared.wire.job import FUNCTION, Job, Payload, TooNew, decode_job
from shared.wire.outcome import Completed, Failed, Outcome
from shared.wire.similar import FUNCTION as SIMILAR, decode_job as decode_similar_job
from workers.answer import Answered, answer
from workers.context import WorkerContext
from workers.embedding import run_embedding
from workers.job_span import describe_outcome, job_attributes
from workers.patience import patiently
from workers.settling import settlement
from workers.similar import run_similar
from workers.slow_jobs import tell_if_slow
from workers.starting import check_start
from workers.stock import run_stock

logger = logging.getLogger(__name__)

START_LATENCY = {priority: metrics.job_start_latency.labels(priority) for priority in CLASSES}


async def run_job(
    ctx: WorkerContext,
    functions: Mapping[str, Function | CronJob],
    claimed: Claimed,
    payload: Payload | None,
    now_ms: int,
) -> bool:
    """Run a job and settle it; returns whether the outbox has something for the cache now.

    Raises TooNew, with nothing done, for a job that a later release must run.
    """
    started = time.monotonic()
    if claimed.tries == 1:
        START_LATENCY[claimed.priority].observe(max(0, now_ms - claimed.created_at_ms) / 1000)
    if payload is not None and payload.f != FUNCTION:
        await _run_other(ctx, functions, claimed, payload, now_ms)
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
    settling = time.monotonic()
    with tracing.span("sentinel.settle"):
        found = await settle(ctx, claimed, settled)
    ended = time.monotonic()
    if found is Settled.refused and job is not None:
        ctx.semantic.leave(job, answered.outcome)
    elif job is not None:
        ctx.lessons.after(ctx.jobs, job, answered.looked, answered.outcome, now_ms)
    metrics.job_duration.labels(_source(answered.outcome)).observe(ended - started)
    tell_if_slow(
        answered.outcome,
        run_ms=(ended - started) * 1000,
        settle_ms=(ended - settling) * 1000,
        threshold_s=ctx.settings.slow_job_s,
    )
    _record(answered.outcome, claimed.tries, counted=job is None or job.check is None)
    if found is Settled.committed and (job is None or job.check is None):
        _tell_rates(ctx.rates, settled, answered.outcome, finished_ms - now_ms)
        if settled.hit == "semantic" and answered.outcome.match is not None:
            ctx.entry_hits.count(answered.outcome.match.entry_id)
    return settled.commit != b""


async def _run_other(
    ctx: WorkerContext,
    functions: Mapping[str, Function | CronJob],
    claimed: Claimed,
    payload: Payload,
    now_ms: int,
) -> None:
    """Run what is no question: texts to embed, a look at what is near an entry, or a stock client's job."""
    if payload.f == EMBED:
        await _embed(ctx, claimed, payload, now_ms)
    elif payload.f == SIMILAR:
        look = decode_similar_job(payload)
        logs.request_id.set(look.request_id)
        await settle(ctx, claimed, await run_similar(ctx, claimed, look, now_ms))
    else:
        await settle(ctx, claimed, await run_stock(functions, ctx, claimed, payload, now_ms))


async def _embed(ctx: WorkerContext, claimed: Claimed, payload: Payload, now_ms: int) -> None:
    """Embed texts for a caller; what was billed and nobody settles goes to the ledger all the same."""
    job = decode_embed_job(payload)
    logs.request_id.set(job.request_id)
    settled = await run_embedding(ctx, claimed, job, now_ms)
    if await settle(ctx, claimed, settled) is Settled.refused:
        ctx.semantic.unbooked.add(job.tenant, ((line.field, line.amount) for line in settled.ledger))


async def _answered(
    ctx: WorkerContext, claimed: Claimed, payload: Payload | None, now_ms: int
) -> tuple[Job | None, Answered]:
    """Answer the job, or say in an outcome why nobody will."""
    try:
        check_start(ctx, claimed, "answer")
    except SentinelError as error:
        return None, Answered(Failed.from_error(error))
    if payload is None:
        return None, Answered(Failed.from_error(DeadlineExceeded("The job waited past its deadline.")))
    try:
        job = decode_job(payload)
    except TooNew:
        if claimed.deadline_at_ms is None or now_ms < claimed.deadline_at_ms:
            raise
        return None, Answered(Failed.from_error(DeadlineExceeded("No worker of its release came in time.")))
    except msgspec.DecodeError as unreadable:
        broken = InternalError(f"This release cannot read the job ({type(unreadable).__name__}).")
        return None, Answered(Failed.from_error(broken))
    logs.request_id.set(job.request_id)
    traceparent.current.set(traceparent.valid(job.traceparent))
    with tracing.span("sentinel.job", "consumer", job_attributes(claimed, job, now_ms)) as span:
        answered = await answer(ctx, claimed, job, now_ms)
        describe_outcome(span, answered.outcome)
    return job, answered


def _record(outcome: Outcome, tries: int, *, counted: bool) -> None:
    for spent in outcome.spent:
        if spent.usage is None:
            metrics.billing_unknown.labels(spent.model).inc()
    if isinstance(outcome, Completed) and outcome.source == "provider" and not tells_usage(outcome.answer):
        metrics.billing_unknown.labels(outcome.answer.model).inc()
    if isinstance(outcome, Completed) and outcome.source != "provider" and outcome.answer.cost:
        kind = "stale" if outcome.stale else outcome.source
        metrics.saved.labels(kind).inc(outcome.answer.cost / PICODOLLARS)
    timings = msgspec.to_builtins(outcome.timings)
    if isinstance(outcome, Failed):
        logger.warning("job failed", extra={"code": outcome.code, "tries": tries, "ms": timings})
    else:
        if counted:
            _count(outcome)
        logger.info("job completed", extra={"source": outcome.source, "tries": tries, "ms": timings})


def _source(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return "failed"
    return "stale" if outcome.stale is not None else outcome.source


def _tell_rates(rates: Rates, settled: Settlement, outcome: Outcome, run_ms: int) -> None:
    rates.count(settled.state)
    rates.took("wait", outcome.timings.queue)
    rates.took("run", run_ms)
    if settled.hit:
        rates.count(f"hit:{settled.hit}")


def _count(outcome: Completed) -> None:
    if outcome.stale is not None:
        metrics.stale_served.labels(outcome.stale.reason).inc()
    else:
        metrics.cache_hits.labels("semantic" if outcome.source == "semantic" else "miss").inc()


async def fail(ctx: WorkerContext, claimed: Claimed, now_ms: int) -> None:
    """Settle a job that our own mistake broke, since it would break the same way again."""
    broken = Answered(Failed.from_error(InternalError("The gateway could not process this job.")))
    await settle(
        ctx,
        claimed,
        settlement(claimed, None, broken, ctx.settings, partition="", started_ms=now_ms, now_ms=now_ms),
    )


async def settle(ctx: WorkerContext, claimed: Claimed, settled: Settlement) -> Settled:
    """Commit, retrying while Redis is away: a paid answer is not thrown away, and the fence decides."""
    settling = Settling(claimed.job_id, claimed.token, settled)
    found = await patiently(lambda: ctx.committer.settle(settling), "settle")
    if found is Settled.refused:
        metrics.jobs_fenced.inc()
        logger.warning("outcome refused, the lease was lost")
        return found
    metrics.jobs_settled.labels(settled.state).inc()
    if settled.given_up:
        metrics.dead_letters.labels(settled.given_up).inc()
    return found
