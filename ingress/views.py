"""The job object that callers see, whichever way the answer came; pure."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from ingress.asked import ExactHit, Pending, Settled
from ingress.cache_view import CacheView, source_of
from ingress.problems import problem
from shared.freshness import fresh_until_ms
from shared.job_records import Record
from shared.prices import usd
from shared.wire.outcome import (
    Answer,
    Attempt,
    Completed,
    Failed,
    Match,
    Result,
    Timings,
    decode_result,
)

Status = Literal["queued", "in_progress", "completed", "failed", "cancelled"]


class OutputView(Struct):
    """The answer itself."""

    text: str
    finish_reason: str


class UsageView(Struct):
    """Tokens of the answer as its provider counted them; what this request cost, and what it saved, in $.

    A cost that is not known is null, never 0.
    """

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: float | None
    saved_usd: float | None
    cached_input_tokens: int = 0
    reasoning_tokens: int = 0


class UrlsView(Struct):
    """Where to go on."""

    self: str
    cancel: str


class JobView(Struct, kw_only=True):
    """A job, or an answer given without one; times are Unix seconds.

    `doubts` counts calls after which nothing was stored: each may have been billed. `calls` lists whom the
    question was put to, in order, and how each call ended.
    """

    id: str
    object: Literal["job"] = "job"
    status: Status
    model: str
    provider: str | None = None
    created_at: int
    started_at: int | None = None
    completed_at: int | None = None
    expires_at: int | None = None
    output: OutputView | None = None
    error: dict[str, Any] | None = None
    cache: CacheView | None = None
    usage: UsageView | None = None
    attempts: int = 0
    doubts: int = 0
    calls: list[Attempt] = []
    metadata: dict[str, str] = {}
    urls: UrlsView | None = None


def of_exact_hit(hit: ExactHit, metadata: dict[str, str]) -> JobView:
    """An entry's answer; its id is the job that bought it, which may no longer be readable."""
    entry = hit.entry
    return JobView(
        id=entry.job_id,
        status="completed",
        model=entry.answer.model,
        provider=entry.answer.provider,
        created_at=entry.created_at_ms // 1000,
        completed_at=entry.created_at_ms // 1000,
        expires_at=fresh_until_ms(entry) // 1000,
        output=_output(entry.answer),
        cache=CacheView(
            status="stale" if hit.stale else "hit",
            type="exact",
            similarity=1.0,
            entry_id=entry.id,
            reason=hit.stale or None,
            age=hit.freshness.age_s,
            ttl=hit.freshness.ttl_s,
            source=source_of(entry.job_id, entry.answer),
        ),
        usage=_usage(entry.answer, cost=0, saved=entry.answer.cost),
        metadata=metadata,
    )


def of_settled(settled: Settled, metadata: dict[str, str]) -> JobView:
    """A job's outcome as this caller got it: its own, a twin's, or one that had just landed."""
    view = _of_result(settled.result, metadata)
    outcome = settled.result.r
    if not isinstance(outcome, Completed) or not (settled.joined or settled.landed):
        return view
    # The flight is paid for once, by the caller that started it.
    view.usage = _usage(outcome.answer, cost=0, saved=outcome.answer.cost)
    if outcome.source == "provider" and view.cache is not None:
        if settled.landed:
            view.cache = _landed(settled, outcome)
        else:
            view.cache.status = "collapsed"
    return view


def _landed(settled: Settled, outcome: Completed) -> CacheView:
    """An answer just bought, whose entry may still be on its way: to the caller, it is an exact hit."""
    ends = outcome.entry_expires_at_ms
    return CacheView(
        status="hit",
        type="exact",
        similarity=1.0,
        entry_id=settled.result.id.partition(".")[0],
        source=source_of(settled.result.id, outcome.answer),
        age=max(0, settled.now_ms - settled.result.ft) // 1000,
        ttl=None if ends is None else max(0, ends - settled.now_ms) // 1000,
    )


def of_pending(pending: Pending, model: str, metadata: dict[str, str]) -> JobView:
    """A job that goes on after its caller's wait."""
    submitted = pending.submitted
    return JobView(
        id=submitted.job_id,
        status="in_progress" if submitted.state == "in_progress" else "queued",
        model=model,
        created_at=submitted.now_ms // 1000,
        metadata=metadata,
        urls=_urls(submitted.job_id),
    )


def of_record(record: Record, key_id: str) -> JobView:
    """A job as it stands, for a key: what it cost is the share of the key that started it."""
    metadata = msgspec.json.decode(record.metadata, type=dict[str, str])
    if record.outcome is not None and not (record.embeds and record.state == "completed"):
        result = decode_result(record.outcome)
        view = _of_result(result, metadata)
        if isinstance(result.r, Completed) and record.key_id not in ("", key_id):
            view.usage = _usage(result.r.answer, cost=0, saved=result.r.answer.cost)
        view.status = msgspec.convert(record.state, Status)
        view.model = record.model
        view.created_at = record.created_at_ms // 1000
        view.started_at = _seconds(record.started_at_ms)
        view.completed_at = _seconds(record.completed_at_ms)
        view.attempts, view.doubts = record.attempts, record.doubts
        return view
    return JobView(
        id=record.job_id,
        status=msgspec.convert(record.state, Status),
        model=record.model,
        created_at=record.created_at_ms // 1000,
        started_at=_seconds(record.started_at_ms),
        completed_at=_seconds(record.completed_at_ms),
        attempts=record.attempts,
        doubts=record.doubts,
        metadata=metadata,
        urls=_urls(record.job_id),
    )


def timings_of(settled: Settled) -> Timings:
    """Where the job's time went."""
    return settled.result.r.timings


def _of_result(result: Result, metadata: dict[str, str]) -> JobView:
    outcome = result.r
    view = JobView(
        id=result.id,
        status="completed" if isinstance(outcome, Completed) else "failed",
        model="",
        created_at=result.et // 1000,
        started_at=result.st // 1000,
        completed_at=result.ft // 1000,
        cache=_cache(outcome, result.ft),
        calls=list(outcome.attempts),
        metadata=metadata,
        urls=_urls(result.id),
    )
    if isinstance(outcome, Failed):
        view.error = problem(outcome, instance=f"/v1/jobs/{result.id}", request_id="")["error"]
        return view
    answer = outcome.answer
    view.model, view.provider, view.output = answer.model, answer.provider, _output(answer)
    view.expires_at = _seconds(outcome.entry_expires_at_ms)
    # Calls that failed before the answer was found or bought may be billed as well.
    cost = _sum((outcome.embed_cost, *(spent.cost for spent in outcome.spent)))
    if outcome.source == "semantic":
        # Embedding is paid for on misses too: what the hit saved is the whole call.
        view.usage = _usage(answer, cost=cost, saved=answer.cost)
    else:
        view.usage = _usage(answer, cost=_sum((cost, answer.cost)), saved=0)
    return view


def missed(match: Match | None) -> CacheView:
    """The verdict when no stored answer served; `match` is the nearest question."""
    if match is None:
        return CacheView(status="miss")
    return CacheView(
        status="miss",
        similarity=match.similarity,
        threshold=match.threshold,
        entry_id=match.entry_id,
        guards=list(match.guards),
    )


def _cache(outcome: Completed | Failed, finished_ms: int) -> CacheView:
    match = outcome.match
    view = missed(match)
    if isinstance(outcome, Completed) and outcome.stale is not None:
        view.status, view.type, view.reason = "stale", outcome.stale.type, outcome.stale.reason
        view.entry_id = outcome.stale.entry_id
        if view.type == "exact":
            view.similarity, view.threshold, view.guards = 1.0, None, []
    elif isinstance(outcome, Completed) and outcome.source == "semantic":
        view.status, view.type = "hit", "semantic"
    if isinstance(outcome, Completed) and view.status in ("hit", "stale"):
        view.age = max(0, finished_ms - outcome.answer.created_at_ms) // 1000
        view.source = source_of("" if match is None else match.source, outcome.answer)
        if outcome.entry_expires_at_ms is not None:
            view.ttl = (outcome.entry_expires_at_ms - finished_ms) // 1000
    return view


def _output(answer: Answer) -> OutputView:
    return OutputView(text=answer.text, finish_reason=answer.finish_reason)


def _usage(answer: Answer, *, cost: int | None, saved: int | None) -> UsageView:
    usage = answer.usage
    return UsageView(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        cost_usd=usd(cost),
        saved_usd=usd(saved),
        cached_input_tokens=usage.cached_input_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _sum(costs: tuple[int | None, ...]) -> int | None:
    """One cost that nobody knows makes the sum unknown."""
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _urls(job_id: str) -> UrlsView:
    return UrlsView(self=f"/v1/jobs/{job_id}", cancel=f"/v1/jobs/{job_id}/cancel")


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000
