"""How a question is answered: from its entry, from the flight that just landed, or by waiting for a job."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from ingress import stored
from ingress.admission import check
from ingress.asked import ExactHit, Pending, Question, Reply, Settled
from ingress.context import IngressContext
from ingress.exchange import Exchange
from ingress.landed import may_hand_on
from ingress.rate import Rate
from ingress.refreshing import refresh
from ingress.submitting import submit
from ingress.withdrawal import end_interest
from shared import metrics
from shared.cache import Found
from shared.clients import Client
from shared.fingerprint import fingerprint, flight_id
from shared.freshness import stage_of
from shared.purging import labels_for
from shared.redis.connect import translated
from shared.submissions import Submitted, polled_by
from shared.tasks import cancel
from shared.wire.outcome import Completed, decode_result

__all__ = ["ExactHit", "Leaving", "Pending", "Question", "Reply", "Settled", "ask", "begin", "settled"]
SHARED = {"joined": "collapsed", "landed": "exact"}
"""What an answer that another caller's flight brought counts as in the savings."""
Leaving = Callable[[], Coroutine[Any, Any, None]]


async def ask(
    ctx: IngressContext, client: Client, question: Question, exchange: Exchange, leaving: Leaving
) -> Reply:
    """Answer a question; raises what `begin` does.

    `leaving` tells when the caller goes away, and is only asked when there is something to wait for.
    """
    waits = question.wait_s > 0 and ctx.hub.has_room
    interest = ctx.hub.new_interest() if waits else polled_by(client.key_id)
    begun = await begin(ctx, client, question, exchange, interest=interest)
    if not isinstance(begun, Submitted):
        return begun
    if not waits:
        return Pending(begun)
    return await _wait(ctx, client, question, begun, interest, leaving)


async def begin(
    ctx: IngressContext, client: Client, question: Question, exchange: Exchange, *, interest: str
) -> ExactHit | Settled | Submitted:
    """Answer a question from its entry or from the flight that just landed, or else start or join a flight.

    `interest` is the caller's in that flight. Raises RateLimited, CacheMiss, CircuitOpen, Unavailable and its
    kinds.
    """
    identity = fingerprint(ctx.fingerprint_secret, question.scope, question.completion)
    labels = labels_for(question.completion.model, question.policy)
    exchange.rate, found = await _look(ctx, client, identity, labels, exchange)
    check(exchange.rate)
    now_ms, entry = exchange.rate.now_ms, found.entry
    stage = stage_of(entry, client.tenant, question.policy, ctx.settings, now_ms)
    if entry is not None and stage in stored.AT_ONCE:
        if stage == "revalidate" and stored.may_refresh(ctx, question):
            ctx.refresh_pause.ask(
                entry.job_id, partial(refresh, ctx, client, question, entry, exchange.request_id)
            )
        return stored.served(ctx, client, entry, now_ms, stored.AT_ONCE[stage])
    everybodys = await stored.everybodys(ctx, client, question, identity, found, now_ms)
    if everybodys is not None:
        return stored.served(ctx, client, everybodys, now_ms, "")
    if question.only_if_cached:
        raise stored.nothing(found)
    exchange.rate = await ctx.admission.admit_miss(client) or exchange.rate
    check(exchange.rate)
    fallback = entry if stage == "if_error" else None
    try:
        stored.check_readiness(ctx, question, has_stale=fallback is not None)
        return await _by_a_job(ctx, client, question, identity, found, exchange, interest)
    except stored.PASSING as error:
        if fallback is None:
            raise
        return stored.served(ctx, client, fallback, now_ms, error.code)


async def _look(
    ctx: IngressContext, client: Client, identity: str, labels: Sequence[str], exchange: Exchange
) -> tuple[Rate, Found]:
    """Take a token and read the entry, unless the shortcut has done so; raises RedisUnavailable."""
    looked, exchange.looked = exchange.looked, None
    if looked is None or looked.identity != identity:
        return await ctx.admission.admit_and_find(client, identity, labels)
    async with translated():
        if isinstance(looked.brought, Exception):
            raise looked.brought
    return looked.brought


async def _by_a_job(
    ctx: IngressContext,
    client: Client,
    question: Question,
    identity: str,
    found: Found,
    exchange: Exchange,
    interest: str,
) -> Settled | Submitted:
    flight = flight_id(identity, question.policy)
    if found.purged_ms:
        # What was under way when its answer was purged is not to be joined any more.
        flight = f"{flight}:{found.purged_ms}"
    submitted = await submit(ctx, client, question, identity, exchange, flight=flight, interest=interest)
    while not await may_hand_on(ctx, client, submitted):
        flight = f"{flight_id(identity, question.policy)}:after:{submitted.job_id}"
        submitted = await submit(ctx, client, question, identity, exchange, flight=flight, interest=interest)
    exchange.log["job_id"] = submitted.job_id
    if submitted.verdict == "joined":
        metrics.collapsed.inc()
    if submitted.outcome is None:
        return submitted
    landed = settled(ctx, client, submitted, submitted.outcome)
    if isinstance(landed.result.r, Completed) and landed.result.r.stale is not None:
        metrics.stale_served.labels(landed.result.r.stale.reason).inc()
    else:
        metrics.cache_hits.labels("exact").inc()
    return landed


async def _wait(
    ctx: IngressContext,
    client: Client,
    question: Question,
    submitted: Submitted,
    interest: str,
    leaving: Leaving,
) -> Reply:
    """Wait for the job; when the wait ends first, its caller has the id, or is gone."""
    gone = asyncio.create_task(leaving())
    try:
        data = await ctx.hub.wait(submitted.job_id, question.wait_s, {ctx.draining, gone})
        left = gone.done()
    finally:
        await cancel([gone])
    if data is not None:
        return settled(ctx, client, submitted, data)
    await end_interest(ctx, submitted.job_id, interest, instead="" if left else polled_by(client.key_id))
    return Pending(submitted)


def settled(ctx: IngressContext, client: Client, submitted: Submitted, data: bytes) -> Settled:
    """What a job's outcome is to this caller, who may have joined it or come when it had landed."""
    result = decode_result(data)
    if isinstance(result.r, Completed) and submitted.verdict in SHARED:
        ctx.savings.add(client, result.r.answer, SHARED[submitted.verdict])
    return Settled(
        result,
        joined=submitted.verdict == "joined",
        landed=submitted.verdict == "landed",
        now_ms=submitted.now_ms,
    )
