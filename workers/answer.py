"""How a job is answered: a neighbour's answer first, the provider's last."""

import time

from msgspec import Struct

from shared import metrics
from shared.errors import BillingUnknown, DeadlineExceeded, ProviderError, SentinelError
from shared.jobs import Claimed
from shared.wire.job import Job
from shared.wire.outcome import Answer, Completed, Failed, Outcome, Timings
from workers.context import WorkerContext
from workers.leases import LeaseLost
from workers.patience import patiently
from workers.semantic.nearest import Looked


class Answered(Struct, frozen=True):
    """An outcome, and the vector under which a bought answer can be found again."""

    outcome: Outcome
    vector: bytes | None = None


async def answer(ctx: WorkerContext, claimed: Claimed, job: Job, claimed_at_ms: int) -> Answered:
    """Answer one request; a failure is an outcome, not an exception.

    `claimed_at_ms` is Redis time, from which ages and deadlines are told.
    """
    queue_ms = float(max(0, claimed_at_ms - claimed.created_at_ms))
    looked = Looked()
    try:
        looked = await ctx.semantic.look(job, claimed_at_ms)
        if looked.entry is not None:
            return Answered(_semantic_hit(looked, queue_ms))
        started = time.perf_counter()
        deadline_s = _time_left(ctx, claimed, claimed_at_ms)
        _check_billing(ctx, claimed)
        await _mark_sent(ctx, claimed)
        bought = await _buy(ctx, job, deadline_s, claimed_at_ms)
        provider_ms = (time.perf_counter() - started) * 1000
    except SentinelError as error:
        return Answered(Failed.from_error(error, match=looked.match, timings=_timings(looked, queue_ms, 0.0)))
    outcome = Completed(
        answer=bought,
        source="provider",
        match=looked.match,
        embed_cost=looked.embed_cost,
        timings=_timings(looked, queue_ms, provider_ms),
    )
    return Answered(outcome, looked.vector)


def _check_billing(ctx: WorkerContext, claimed: Claimed) -> None:
    """Decide whether a question that may have been billed already is sent once more."""
    if claimed.doubts == 0:
        return
    if ctx.settings.rerun_unsettled == "fail" or claimed.doubts > ctx.settings.reruns_max:
        raise BillingUnknown(
            f"{claimed.doubts} attempts ended after the question was sent; sending it again is not allowed."
        )


async def _mark_sent(ctx: WorkerContext, claimed: Claimed) -> None:
    """From here on, the death of this worker leaves it unknown whether the provider bills."""
    mine = await patiently(lambda: ctx.jobs.mark_sent(claimed.job_id, claimed.token), "mark sent")
    if not mine:
        raise LeaseLost


async def _buy(ctx: WorkerContext, job: Job, deadline_s: float, now_ms: int) -> Answer:
    provider = ctx.provider
    try:
        bought = await provider.complete(job.completion, deadline_s=deadline_s, now_ms=now_ms)
    except ProviderError as error:
        metrics.provider_calls.labels(provider.name, error.code).inc()
        raise
    metrics.provider_calls.labels(provider.name, "ok").inc()
    if bought.cost is None:
        metrics.llm_unpriced.labels(provider.name, bought.model).inc()
    else:
        metrics.llm_cost.labels(provider.name, bought.model).inc(bought.cost / 1e12)
    return bought


def _time_left(ctx: WorkerContext, claimed: Claimed, now_ms: int) -> float:
    """Seconds this call may take: the provider's deadline, never past the job's own."""
    if claimed.deadline_at_ms is None:
        return ctx.settings.provider_deadline_s
    left = (claimed.deadline_at_ms - now_ms) / 1000
    if left <= 0:
        raise DeadlineExceeded("The job waited past its deadline and was not started.")
    return min(ctx.settings.provider_deadline_s, left)


def _semantic_hit(looked: Looked, queue_ms: float) -> Completed:
    assert looked.entry is not None  # noqa: S101 - the caller has just looked
    return Completed(
        answer=looked.entry.answer,
        source="semantic",
        match=looked.match,
        entry_expires_at_ms=looked.entry.expires_at_ms,
        embed_cost=looked.embed_cost,
        timings=_timings(looked, queue_ms, 0.0),
    )


def _timings(looked: Looked, queue_ms: float, provider_ms: float) -> Timings:
    return Timings(
        queue=queue_ms,
        embed=round(looked.embed_ms, 3),
        search=round(looked.search_ms, 3),
        provider=round(provider_ms, 3),
    )
