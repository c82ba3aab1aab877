"""Calls as metrics: how they ended, what they took, and what they cost."""

from collections.abc import Sequence

from shared import metrics
from shared.prices import PICODOLLARS
from shared.wire.outcome import Spent


def count_call(provider: str, outcome: str, spent: Sequence[Spent]) -> None:
    """Count a call and what it cost; what nobody will ever know is counted when its job settles."""
    metrics.provider_calls.labels(provider, outcome).inc()
    for one in spent:
        if one.usage is not None:
            metrics.llm_tokens.labels(provider, one.model, "input").inc(one.usage.input_tokens)
            metrics.llm_tokens.labels(provider, one.model, "output").inc(one.usage.output_tokens)
        if one.cost is not None:
            metrics.llm_cost.labels(provider, one.model).inc(one.cost / PICODOLLARS)
        elif one.usage is not None:
            metrics.llm_unpriced.labels(provider, one.model).inc()
