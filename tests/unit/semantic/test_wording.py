"""A policy's ruling on a pair, in words."""

import pytest

from shared.wire.outcome import Verdict
from workers.semantic.judging import Ruling, scored, verified
from workers.semantic.proposing import BARRED
from workers.semantic.wording import verdict_of

pytestmark = pytest.mark.unit

PASSED = Verdict("order", passed=True)
NUMBERS, POLARITY = (
    Verdict("numbers", passed=False, reason="numbers differ"),
    Verdict("polarity", passed=False, reason="opposite words"),
)
FAILED_VERIFIER = Ruling(accepted=False, verdicts=(PASSED,))


@pytest.mark.parametrize(
    ("ruling", "words"),
    [
        (verified((PASSED,), 0.9, 0.8), "A match: the stored answer would be served."),
        (
            Ruling(accepted=False, verdicts=(NUMBERS, POLARITY), needed=0.8, vetoed=True),
            "No match: numbers differ and opposite words.",
        ),
        (
            verified((POLARITY,), 0.1, 0.8),
            "No match: the verifier gives it a chance of 0.10, needed 0.80, with opposite words.",
        ),
        (
            verified((PASSED,), 0.9, 2.0),
            "No match: the verifier gives it a chance of 0.90, and too little is known to trust any.",
        ),
        (scored((PASSED,), 0.95, None), "A match: the stored answer would be served."),
        (scored((NUMBERS, POLARITY), 0.95, None), "No match: numbers differ and opposite words."),
        (scored((PASSED,), 0.95, 0.97), "No match: similarity 0.95, needed 0.97."),
        (BARRED, "No match: this pairing was found wrong."),
        (FAILED_VERIFIER, "No match: nobody could tell how likely it is."),
    ],
)
def test_the_words_say_what_decided(ruling: Ruling, words: str) -> None:
    """Vetoes first; what the verifier overruled is not mentioned."""
    assert verdict_of(ruling, 0.95, 0.85) == words


def test_a_pair_that_is_too_far_apart_was_never_heard() -> None:
    """Whatever would have been said of it."""
    ruling = verified((PASSED,), 0.9, 0.8)
    assert "too far apart (0.50, needed 0.85)" in verdict_of(ruling, 0.5, 0.85)
