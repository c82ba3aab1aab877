"""The log line of a job that took long: where its time went, as a waterfall in milliseconds."""

import logging
from typing import Any

import msgspec

from shared.wire.outcome import Completed, Outcome

logger = logging.getLogger(__name__)


def waterfall(outcome: Outcome, settle_ms: float) -> dict[str, float]:
    """The steps in order; `guards` is a part of `search`, `pace` and `first_token` are of `provider`."""
    timings: dict[str, Any] = msgspec.to_builtins(outcome.timings)
    if "provider" not in timings and outcome.attempts:
        # A failure keeps no time of its own for what its calls took.
        timings["provider"] = sum(attempt.ms for attempt in outcome.attempts)
    steps = ("queue", "embed", "search", "guards", "pace", "first_token", "provider")
    return {step: timings[step] for step in steps if step in timings} | {"settle": round(settle_ms, 3)}


def tell_if_slow(outcome: Outcome, *, run_ms: float, settle_ms: float, threshold_s: float) -> None:
    """Warn of a job that took longer than the threshold; `run_ms` is from its start until it was settled."""
    total_ms = outcome.timings.queue + run_ms
    if threshold_s <= 0 or total_ms < threshold_s * 1000:
        return
    source = outcome.source if isinstance(outcome, Completed) else outcome.code
    calls = [msgspec.to_builtins(attempt) for attempt in outcome.attempts]
    logger.warning(
        "job was slow",
        extra={
            "total_ms": round(total_ms, 3),
            "waterfall": waterfall(outcome, settle_ms),
            "source": source,
            "calls": calls,
        },
    )
