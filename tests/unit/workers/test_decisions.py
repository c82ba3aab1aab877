"""What follows a failed call."""

import pytest

from shared.errors import (
    CircuitOpen,
    ProviderError,
    ProviderGarbage,
    ProviderKeyRejected,
    ProviderModelMissing,
    ProviderPaced,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderTooLarge,
    ProviderUnavailable,
)
from shared.wire.completion import Completion, Message
from workers.providers.decisions import (
    another_may,
    health_verdict,
    reported,
    retry_helps,
    retry_pause_s,
    tokens_estimated,
)

pytestmark = pytest.mark.unit

#              kind                  again  elsewhere  says
CASES = (
    (ProviderUnavailable, True, True, "failure"),
    (ProviderGarbage, True, True, "failure"),
    (ProviderTimeout, False, True, "failure"),
    (ProviderRateLimited, True, True, "ignored"),
    (ProviderPaced, False, True, "ignored"),
    (CircuitOpen, False, True, "ignored"),
    (ProviderKeyRejected, False, True, "ignored"),
    (ProviderModelMissing, False, True, "ignored"),
    (ProviderTooLarge, False, True, "ignored"),
    (ProviderRefused, False, False, "ignored"),
)


@pytest.mark.parametrize(("kind", "again", "elsewhere", "says"), CASES)
def test_each_failure_has_its_consequences(
    kind: type[ProviderError], *, again: bool, elsewhere: bool, says: str
) -> None:
    """A bad question is bad everywhere; a limit says nothing about health."""
    error = kind("x")
    assert (retry_helps(error), another_may(error), health_verdict(error)) == (again, elsewhere, says)


def test_a_timeout_that_we_made_ourselves_is_not_the_providers_fault() -> None:
    """It was left less time than it is allowed."""
    error = ProviderTimeout("x")
    error.blameless = True
    assert health_verdict(error) == "ignored"


@pytest.mark.parametrize(("retry", "most"), [(1, 0.25), (2, 0.5), (3, 1.0), (9, 4.0), (90, 4.0)])
def test_pauses_are_drawn_below_a_bound_that_doubles_to_a_cap(retry: int, most: float) -> None:
    """From nothing at all: callers who failed together come back apart."""
    assert retry_pause_s(retry, base_s=0.25, cap_s=4, draw=0.0) == 0
    assert retry_pause_s(retry, base_s=0.25, cap_s=4, draw=0.5) == most / 2


def test_the_failure_that_is_told_is_the_one_that_waiting_mends_soonest() -> None:
    """And the first when none can be mended."""
    later, sooner = CircuitOpen("a", retry_after_s=30), ProviderPaced("b", retry_after_s=2)
    refused = ProviderKeyRejected("c")
    assert reported([refused, later, sooner]) is sooner
    assert reported([refused, ProviderModelMissing("d")]) is refused


def test_tokens_are_estimated_from_the_text_and_the_longest_answer() -> None:
    """Roughly: the provider's own count corrects it."""
    asked = Completion(model="m", messages=(Message("user", "x" * 400),))
    limited = Completion(model="m", messages=(Message("user", "x" * 400),), max_tokens=7)
    assert tokens_estimated(asked, expected=512) == 612
    assert tokens_estimated(limited, expected=512) == 107
