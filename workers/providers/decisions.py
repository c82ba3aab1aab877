"""What to do after a call has failed: try again, ask another provider, or say so; pure."""

from collections.abc import Sequence

from shared.breaker import Verdict
from shared.errors import (
    CircuitOpen,
    ProviderError,
    ProviderGarbage,
    ProviderKeyRejected,
    ProviderModelMissing,
    ProviderPaced,
    ProviderRateLimited,
    ProviderTimeout,
    ProviderTooLarge,
    ProviderUnavailable,
)
from shared.wire.completion import Completion

CHARACTERS_PER_TOKEN = 4
"""A rule of thumb for English; limits are corrected by what the call has really used."""

RETRIED = (ProviderUnavailable, ProviderGarbage, ProviderRateLimited)
NOT_CALLED = (ProviderPaced, CircuitOpen)
ANOTHER_MAY = (
    *(ProviderUnavailable, ProviderGarbage, ProviderTimeout, ProviderRateLimited, CircuitOpen),
    *(ProviderKeyRejected, ProviderModelMissing, ProviderTooLarge),
)


def retry_helps(error: ProviderError) -> bool:
    """Whether the same provider may answer the same question a moment later.

    A call that took its whole time is not repeated: it would take it again, and may be billed again.
    """
    return isinstance(error, RETRIED) and not isinstance(error, NOT_CALLED)


def another_may(error: ProviderError) -> bool:
    """Whether another provider may answer what this one did not; a bad question is bad everywhere."""
    return isinstance(error, ANOTHER_MAY)


def health_verdict(error: ProviderError) -> Verdict:
    """What a failed call says about its provider: 4xx, 429 and short deadlines say nothing."""
    unwell = isinstance(error, ProviderUnavailable | ProviderGarbage | ProviderTimeout)
    return "failure" if unwell and not error.blameless else "ignored"


def retry_pause_s(retry: int, *, base_s: float, cap_s: float, draw: float) -> float:
    """Full jitter: anywhere below a bound that doubles with each retry (the first is 1).

    `draw` is from [0, 1). Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return draw * min(cap_s, base_s * 2.0 ** (retry - 1))


def reported(errors: Sequence[ProviderError]) -> ProviderError:
    """Return the one failure to tell a caller about: where waiting helps, and soonest; else the first."""
    hopeful = [error for error in errors if error.retryable]
    return min(hopeful, key=lambda error: error.retry_after_s or 0.0) if hopeful else errors[0]


def tokens_estimated(completion: Completion, *, expected: int) -> int:
    """How many tokens a call may use, its answer included, before anybody has counted them."""
    characters = sum(len(message.content) for message in completion.messages)
    return characters // CHARACTERS_PER_TOKEN + (completion.max_tokens or expected)
