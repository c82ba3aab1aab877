"""How a job is answered: a neighbour's answer first, the provider's last."""

import asyncio
import time
from functools import partial

import msgspec
from msgspec import Struct

from shared import metrics
from shared.claims import Claimed
from shared.errors import BillingUnknown, DeadlineExceeded, SentinelError
from shared.freshness import fresh_until_ms
from shared.wire.job import Job
from shared.wire.outcome import Completed, Failed, Outcome, Timings
from workers.context import WorkerContext
from workers.leases import LeaseLost
from workers.patience import patiently
from workers.providers.buying import Asked
from workers.semantic.found import Looked
from workers.stale import instead_of, refreshed_meanwhile
from workers.streaming import telling_for


class Answered(Struct, frozen=True):
    """An outcome, the vector under which a bought answer can be found again, and what was looked at."""

    outcome: Outcome
    vector: bytes | None = None
    looked: Looked | None = None


async def answer(ctx: WorkerContext, claimed: Claimed, job: Job, claimed_at_ms: int) -> Answered:
    """Answer one request; a failure is an outcome, not an exception.

    `claimed_at_ms` is Redis time, from which ages and deadlines are told.
    """
    queue_ms = float(max(0, claimed_at_ms - claimed.created_at_ms))
    looked = Looked()
    try:
        # Before anything is bought, an embedding included.
        ends_at = time.monotonic() + _time_left(ctx, claimed, claimed_at_ms)
        refreshed = await refreshed_meanwhile(ctx, job, claimed_at_ms)
        if refreshed is not None:
            return Answered(refreshed)
        looked = await ctx.semantic.look(job, claimed_at_ms)
        if looked.entry is not None:
            return Answered(_semantic_hit(looked, queue_ms), looked=looked)
        started = time.monotonic()
        _check_billing(ctx, claimed)
        # The fence token tells this attempt from every other one of the job.
        call_id = f"{claimed.job_id}/{claimed.token}"
        telling = await telling_for(ctx, claimed, looked.match)
        bought = await ctx.buyer.buy(
            Asked(
                completion=job.completion,
                call_id=call_id,
                ends_at=ends_at,
                now_ms=claimed_at_ms,
                about_to_send=partial(_mark_sent, ctx, claimed),
                telling=telling,
            )
        )
        if job.policy.refresh:
            metrics.refreshes.labels("refreshed").inc()
        timings = msgspec.structs.replace(
            _timings(looked, queue_ms),
            provider=round((time.monotonic() - started) * 1000, 3),
            pace=round(bought.paced_ms, 3),
            first_token=_since(started, telling.first_at if telling else None),
        )
    except SentinelError as error:
        stale = await instead_of(ctx, job, error, looked, claimed_at_ms)
        if stale is not None:
            return Answered(msgspec.structs.replace(stale, timings=_timings(looked, queue_ms)))
        failed = Failed.from_error(error, match=looked.match, timings=_timings(looked, queue_ms))
        embedding = {"embedding": looked.embedding, "embed_cost": looked.embed_cost}
        return Answered(msgspec.structs.replace(failed, **embedding))
    except (asyncio.CancelledError, LeaseLost):
        ctx.semantic.leave(job, looked)
        raise
    outcome = Completed(
        answer=bought.answer,
        source="provider",
        match=looked.match,
        embed_cost=looked.embed_cost,
        embedding=looked.embedding,
        timings=timings,
        spent=bought.spent,
        attempts=bought.attempts,
    )
    return Answered(outcome, looked.vector, looked)


def _check_billing(ctx: WorkerContext, claimed: Claimed) -> None:
    """Decide whether a question that may have been billed already is sent once more."""
    if claimed.doubts == 0:
        return
    if ctx.settings.rerun_unsettled == "fail" or claimed.doubts > ctx.settings.reruns_max:
        raise BillingUnknown(
            f"{claimed.doubts} attempts ended after the question was sent; sending it again is not allowed."
        )


async def _mark_sent(ctx: WorkerContext, claimed: Claimed, calls: int) -> None:
    """From here on, the death of this worker leaves it unknown whether the provider bills."""
    mine = await patiently(
        lambda: ctx.jobs.mark_sent(claimed.job_id, claimed.token, calls=calls), "mark sent"
    )
    if not mine:
        raise LeaseLost


def _time_left(ctx: WorkerContext, claimed: Claimed, now_ms: int) -> float:
    """Seconds until the job's deadline: each call has its own, and a question may take several."""
    if claimed.deadline_at_ms is None:
        return ctx.settings.job_deadline_s
    left = (claimed.deadline_at_ms - now_ms) / 1000
    if left <= 0:
        raise DeadlineExceeded("The job waited past its deadline and was not started.")
    return left


def _semantic_hit(looked: Looked, queue_ms: float) -> Completed:
    assert looked.entry is not None  # noqa: S101 - the caller has just looked
    return Completed(
        answer=looked.entry.answer,
        source="semantic",
        match=looked.match,
        entry_expires_at_ms=fresh_until_ms(looked.entry),
        embed_cost=looked.embed_cost,
        embedding=looked.embedding,
        timings=_timings(looked, queue_ms),
    )


def _timings(looked: Looked, queue_ms: float) -> Timings:
    return Timings(
        queue=queue_ms,
        embed=round(looked.embed_ms, 3),
        search=round(looked.search_ms, 3),
        guards=round(looked.guards_ms, 3),
    )


def _since(started: float, happened: float | None) -> float:
    return 0.0 if happened is None else round((happened - started) * 1000, 3)
