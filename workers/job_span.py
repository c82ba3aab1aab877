"""A job as a span: who asked, how long it waited, and what came of it."""

from shared.claims import Claimed
from shared.tracing import Span, Value
from shared.wire.job import Job
from shared.wire.outcome import Failed, Outcome


def job_attributes(claimed: Claimed, job: Job, now_ms: int) -> dict[str, Value]:
    """What is known of a job as it starts; `now_ms` is Redis time."""
    return {
        "sentinel.job_id": claimed.job_id,
        "sentinel.request_id": job.request_id,
        "sentinel.attempt": claimed.tries,
        "sentinel.class": claimed.priority,
        "sentinel.queue_ms": max(0, now_ms - claimed.created_at_ms),
        "sentinel.model": job.completion.model,
    }


def describe_outcome(span: Span, outcome: Outcome) -> None:
    """Say where the answer came from, or why there is none."""
    if isinstance(outcome, Failed):
        span.fail(outcome.code)
        return
    source = "stale" if outcome.stale is not None else outcome.source
    span.note({"sentinel.source": source, "sentinel.provider": outcome.answer.provider})
