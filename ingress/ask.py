"""How a question is answered: from its entry, from the flight that just landed, or by waiting for a job."""

import time

import msgspec
from msgspec import Struct

from ingress.admission import check
from ingress.context import IngressContext
from ingress.exchange import Exchange
from shared import metrics
from shared.cache import Freshness, freshness, may_serve
from shared.clients import Client
from shared.errors import CacheMiss, Draining, QueueFull
from shared.fingerprint import fingerprint, flight_id, partition
from shared.jobs import Submission, Submitted
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


async def ask(ctx: IngressContext, client: Client, question: Question, exchange: Exchange) -> Reply:
    """Answer a question; raises RateLimited, CacheMiss, QueueFull, Draining and RedisUnavailable."""
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
    submitted = await _submit(ctx, client, question, identity, exchange.request_id)
    exchange.log["job_id"] = submitted.job_id
    return await _outcome(ctx, question, submitted)


async def _submit(
    ctx: IngressContext, client: Client, question: Question, identity: str, request_id: str
) -> Submitted:
    job = Job(
        completion=question.completion,
        policy=question.policy,
        tenant=client.tenant,
        fingerprint=identity,
        partition=partition(ctx.fingerprint_secret, question.scope, question.completion),
        request_id=request_id,
    )
    submission = Submission(
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
    inbox = ctx.hub.inbox if question.wait_s > 0 else ""
    submitted = await ctx.jobs.submit(submission, inbox=inbox, wait_ms=int(question.wait_s * 1000))
    if submitted.verdict == "full":
        raise QueueFull(f"{submitted.ahead} jobs are waiting, which is all the queue holds.", retry_after_s=5)
    return submitted


async def _outcome(ctx: IngressContext, question: Question, submitted: Submitted) -> Reply:
    landed = submitted.verdict == "landed"
    joined = submitted.verdict == "joined"
    data = submitted.outcome
    if data is None and question.wait_s > 0:
        if joined:
            metrics.collapsed.inc()
        data = await ctx.hub.wait(submitted.job_id, question.wait_s, ctx.draining)
    if data is None:
        return Pending(submitted)
    return Settled(decode_result(data), joined=joined, landed=landed, now_ms=submitted.now_ms)
