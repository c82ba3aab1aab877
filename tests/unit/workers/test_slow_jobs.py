"""Slow jobs are logged with where their time went."""

import logging

import pytest

from shared.wire.outcome import Answer, Attempt, Completed, Failed, Timings, Usage
from workers.slow_jobs import tell_if_slow, waterfall

ANSWER = Answer(
    text="Lima",
    finish_reason="stop",
    model="m",
    provider="groq",
    usage=Usage(),
    cost=1,
    created_at_ms=0,
)
TIMINGS = Timings(queue=40.0, embed=3.0, search=2.0, guards=0.5, pace=1.0, first_token=90.0, provider=400.0)
COMPLETED = Completed(
    answer=ANSWER, source="provider", timings=TIMINGS, attempts=(Attempt("groq", "ok", 399.0),)
)


def test_the_waterfall_lists_the_steps_in_their_order() -> None:
    """From the queue to the settle, in milliseconds."""
    steps = waterfall(COMPLETED, 0.7)
    assert list(steps) == ["queue", "embed", "search", "guards", "pace", "first_token", "provider", "settle"]
    assert steps["provider"] == 400.0
    assert steps["settle"] == 0.7


def test_the_calls_of_a_failure_are_its_providers_time() -> None:
    """A failed job is the one whose time somebody wants to know."""
    attempts = (Attempt("groq", "upstream_timeout", 30_000.0), Attempt("other", "upstream_timeout", 5.0))
    failed = Failed(
        code="upstream_timeout", status=504, title="", detail="", retryable=True, attempts=attempts
    )
    assert waterfall(failed, 1.0)["provider"] == 30_005.0


def test_a_job_within_the_threshold_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    """The wait in the queue counts: the caller has waited for it, too."""
    with caplog.at_level(logging.WARNING):
        tell_if_slow(COMPLETED, run_ms=410.0, settle_ms=1.0, threshold_s=0.46)
        tell_if_slow(COMPLETED, run_ms=410.0, settle_ms=1.0, threshold_s=0)
    assert caplog.records == []


def test_a_job_beyond_it_is_told_with_its_waterfall_and_calls(caplog: pytest.LogCaptureFixture) -> None:
    """And with nothing of what was asked or answered."""
    with caplog.at_level(logging.WARNING):
        tell_if_slow(COMPLETED, run_ms=410.0, settle_ms=1.0, threshold_s=0.45)
    told = vars(caplog.records[0])
    assert told["total_ms"] == 450.0
    assert told["waterfall"]["queue"] == 40.0
    assert told["calls"] == [{"provider": "groq", "outcome": "ok", "ms": 399.0}]
    assert "Lima" not in str(told)
