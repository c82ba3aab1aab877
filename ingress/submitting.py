"""From a question to a job: what is handed in, and what a refusal means."""

import time

import msgspec

from ingress import budgeting
from ingress.asked import Question
from ingress.context import IngressContext
from ingress.exchange import Exchange
from shared import metrics, traceparent
from shared.budgets import tokens_of
from shared.clients import Client
from shared.errors import QueueFull, QueueTooSlow, TokensUsedUp, TooManyJobs
from shared.fingerprint import partition
from shared.settings import Settings
from shared.shared_scope import shared_identity
from shared.submissions import Quota, Submission, Submitted, lasts_ms, polled_by
from shared.wire.completion import Completion
from shared.wire.job import Job, encode_payload


async def submit(
    ctx: IngressContext,
    client: Client,
    question: Question,
    identity: str,
    exchange: Exchange,
    *,
    flight: str,
    interest: str,
) -> Submitted:
    """Start or join a flight, with a caller's interest in it.

    Raises BudgetExceeded, PriceUnknown, Unavailable and its kinds.
    """
    submission = submission_of(ctx, client, question, identity, exchange.request_id, flight=flight)
    # Who polls may come back until the end; who waits is gone when its wait is over, whatever becomes of us.
    polls = interest == polled_by(client.key_id)
    for_ms = submission.deadline_ms if polls else lasts_ms(question.wait_s)
    submission.record["ingress_ms"] = str(round((time.perf_counter() - exchange.started) * 1000, 2))
    submitted = await ctx.jobs.submit(submission, interest=interest, for_ms=for_ms)
    metrics.submissions.labels(submitted.verdict).inc()
    budgeting.tell(exchange, submission.reservation, submitted)
    check_taken(submission, submitted)
    return submitted


def check_taken(submission: Submission, submitted: Submitted) -> None:
    """Raise QueueFull, QueueTooSlow, TooManyJobs or TokensUsedUp when a job was refused."""
    wait_s = max(1.0, submitted.wait_ms / 1000)
    if submitted.verdict in {"crowded", "drained"}:
        raise _over_quota(submission.quota, submitted.verdict, wait_s)
    if submitted.verdict == "full":
        raise QueueFull(f"{submitted.ahead} jobs wait, which is all the queue holds.", retry_after_s=wait_s)
    if submitted.verdict == "late":
        raise QueueTooSlow(
            f"{submitted.ahead} jobs wait, too many for this one to be done by its deadline.",
            retry_after_s=wait_s,
        )


def submission_of(
    ctx: IngressContext, client: Client, question: Question, identity: str, request_id: str, *, flight: str
) -> Submission:
    """Lay the question out as a job; raises PriceUnknown under a hard budget that it could break."""
    job = Job(
        completion=question.completion,
        policy=question.policy,
        tenant=client.tenant,
        fingerprint=identity,
        partition=partition(ctx.fingerprint_secret, question.scope, question.completion),
        request_id=request_id,
        priority=question.priority,
        key_id=client.key_id,
        traceparent=traceparent.current.get(),
        shared=shared_of(ctx, question),
    )
    return Submission(
        flight_id=flight,
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
            **({"stream": "1"} if question.streamed else {}),
            **_replay(question, ctx.settings),
        },
        tenant_window=ctx.settings.tenant_window,
        quota=quota_of(ctx, client, question.completion),
        reservation=budgeting.reservation(ctx, client, question.completion),
    )


def shared_of(ctx: IngressContext, question: Question) -> str:
    """The question's identity whoever asks it; '' when its answer is not to be shared."""
    if ctx.settings.shared_after_tenants == 0:
        return ""
    return shared_identity(ctx.fingerprint_secret, question.completion, question.policy)


def quota_of(ctx: IngressContext, client: Client, completion: Completion | None) -> Quota:
    """What the key's tier allows; each of several queues knows its own jobs only, and allows its part.

    Without a completion the job buys no tokens of a model.
    """
    tier, queues = ctx.tiers.of(client.tier), len(ctx.jobs)
    limits = (tier.jobs_max, tier.queued_jobs_max, tier.tokens_per_minute)
    jobs, queued, tokens = (None if limit is None else max(1, limit // queues) for limit in limits)
    estimated = 0
    if completion is None:
        tokens = None
    elif tokens is not None:
        usage = tokens_of(completion, output_tokens=ctx.settings.budget_output_tokens)
        estimated = usage.input_tokens + usage.output_tokens
    return Quota(jobs_max=jobs, queued_jobs_max=queued, tokens_per_minute=tokens, tokens=estimated)


def _over_quota(quota: Quota, verdict: str, wait_s: float) -> TooManyJobs | TokensUsedUp:
    if verdict == "crowded":
        metrics.quota_refusals.labels("jobs").inc()
        return TooManyJobs("This key has as many jobs under way as it may.", retry_after_s=1)
    metrics.quota_refusals.labels("tokens").inc()
    return TokensUsedUp(
        f"This key may buy {quota.tokens_per_minute} tokens a minute; this question fits in {wait_s:.0f} s. "
        "Stored answers are served all the same.",
        retry_after_s=wait_s,
    )


def _replay(question: Question, settings: Settings) -> dict[str, str]:
    """How long operators may try the question again once it has settled, if it may be kept at all."""
    if not question.policy.write or settings.prompts_kept_s == 0:
        return {}
    return {"replay_ms": str(int(settings.prompts_kept_s * 1000))}
