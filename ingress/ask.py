"""How a question is answered: from its entry, from the flight that just landed, or by waiting for a job."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from msgspec import Struct

from ingress.admission import check
from ingress.context import IngressContext
from ingress.exchange import Exchange
from ingress.withdrawal import withdraw
from shared import metrics
from shared.cache import Freshness, freshness, may_serve
from shared.clients import Client
from shared.errors import CacheMiss, Draining, QueueFull, QueueTooSlow
from shared.fingerprint import fingerprint, flight_id, partition
from shared.jobs import POLLED, Submission, Submitted
from shared.redis.keys import PriorityClass
from shared.tasks import cancel
from shared.wire.completion import CachePolicy, Completion
from shared.wire.entry import Entry
from shared.wire.job import Job, encode_payload
from shared.wire.outcome import Result, decode_result


class Question(Struct, frozen=True, kw_only=True):
    """A validated question on its way."""

    completion: Completion
    policy: CachePolicy
    scope: str
    wait_s: float
    only_if_cached: bool = False
    priority: PriorityClass = "interactive"
    metadata: dict[str, str] = {}


class ExactHit(Struct, frozen=True):
    """The question's own entry answered it, inline."""

    entry: Entry
    freshness: Freshness


class Settled(Struct, frozen=True):
    """A job answered it, or failed; `joined` when the job was somebody else's, `landed` when it was over."""

    result: Result
    joined: bool
    landed: bool
    now_ms: int


class Pending(Struct, frozen=True):
    """The wait is over and the job goes on."""

    submitted: Submitted


Reply = ExactHit | Settled | Pending
Leaving = Callable[[], Coroutine[Any, Any, None]]


async def ask(
    ctx: IngressContext, client: Client, question: Question, exchange: Exchange, leaving: Leaving
) -> Reply:
    """Answer a question; raises RateLimited, CacheMiss, Unavailable and its kinds.

    `leaving` tells when the caller goes away, and is only asked when there is something to wait for.
    """
    identity = fingerprint(ctx.fingerprint_secret, question.scope, question.completion)
    exchange.rate, entry = await ctx.admission.admit_and_find(client, identity)
    check(exchange.rate)
    now_ms = exchange.rate.now_ms
    if entry is not None and may_serve(entry, client.tenant, question.policy, now_ms):
        metrics.cache_hits.labels("exact").inc()
        return ExactHit(entry, freshness(entry, now_ms))
    if question.only_if_cached:
        raise CacheMiss("No stored answer matches exactly, and only-if-cached forbids asking the provider.")
    if ctx.drain.draining:
        raise Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    waits = question.wait_s > 0 and ctx.hub.has_room
    submitted = await _submit(ctx, client, question, identity, exchange.request_id, waits=waits)
    exchange.log["job_id"] = submitted.job_id
    if submitted.outcome is not None:
        metrics.cache_hits.labels("exact").inc()
        return _settled(submitted, submitted.outcome)
    if not waits:
        return Pending(submitted)
    return await _wait(ctx, client, question, submitted, leaving)


async def _submit(
    ctx: IngressContext, client: Client, question: Question, identity: str, request_id: str, *, waits: bool
) -> Submitted:
    submission = _submission(ctx, client, question, identity, request_id)
    if waits:
        interest, for_ms = ctx.hub.inbox, int(question.wait_s * 1000)
    else:
        interest, for_ms = f"{POLLED}{client.key_id}", submission.deadline_ms
    submitted = await ctx.jobs.submit(submission, interest=interest, for_ms=for_ms)
    wait_s = max(1.0, submitted.wait_ms / 1000)
    if submitted.verdict == "full":
        raise QueueFull(f"{submitted.ahead} jobs wait, which is all the queue holds.", retry_after_s=wait_s)
    if submitted.verdict == "late":
        raise QueueTooSlow(
            f"{submitted.ahead} jobs wait, too many for this one to be done by its deadline.",
            retry_after_s=wait_s,
        )
    return submitted


def _submission(
    ctx: IngressContext, client: Client, question: Question, identity: str, request_id: str
) -> Submission:
    job = Job(
        completion=question.completion,
        policy=question.policy,
        tenant=client.tenant,
        fingerprint=identity,
        partition=partition(ctx.fingerprint_secret, question.scope, question.completion),
        request_id=request_id,
        priority=question.priority,
    )
    return Submission(
        flight_id=flight_id(identity, question.policy),
        fingerprint=identity,
        payload=encode_payload(job, int(time.time() * 1000)),
        priority=job.priority,
        deadline_ms=int(ctx.settings.job_deadline_s * 1000),
        depth_max=ctx.settings.queue_depth_max,
        record={
            "tenant": client.tenant,
            "key_id": client.key_id,
            "model": question.completion.model,
            "request_id": request_id,
            "metadata": msgspec.json.encode(question.metadata).decode(),
        },
    )


async def _wait(
    ctx: IngressContext, client: Client, question: Question, submitted: Submitted, leaving: Leaving
) -> Reply:
    """Wait for the job; when the wait ends first, its caller has the id, or is gone."""
    if submitted.verdict == "joined":
        metrics.collapsed.inc()
    gone = asyncio.create_task(leaving())
    try:
        data = await ctx.hub.wait(submitted.job_id, question.wait_s, {ctx.draining, gone})
        left = gone.done()
    finally:
        await cancel([gone])
    if data is not None:
        return _settled(submitted, data)
    await withdraw(ctx, submitted.job_id, instead="" if left else f"{POLLED}{client.key_id}")
    return Pending(submitted)


def _settled(submitted: Submitted, data: bytes) -> Settled:
    return Settled(
        decode_result(data),
        joined=submitted.verdict == "joined",
        landed=submitted.verdict == "landed",
        now_ms=submitted.now_ms,
    )
