"""Why two questions match or do not, in words and in a table."""

import pytest

from shared.wire.outcome import Verdict
from workers.semantic.explaining import GREEN, RED, explanation, table
from workers.semantic.lab import Explained

NUMBERS, POLARITY = (
    Verdict("contradiction", passed=False, reason="numbers differ"),
    Verdict("polarity", passed=False, reason="opposite words"),
)
AGREE = Verdict("order", passed=True, reason="the order agrees")


@pytest.mark.parametrize(
    ("said", "match", "words"),
    [
        (Explained(0.95, 0.97, (AGREE,)), True, "would be served"),
        (Explained(0.95, 0.97, (AGREE, NUMBERS)), False, "numbers differ"),
        (Explained(0.95, 0.10, (AGREE, POLARITY)), False, "chance of 0.10, needed 0.80, with opposite words"),
        (Explained(0.30, 0.97, (AGREE,)), False, "too far apart (0.30"),
        (Explained(0.95, 0.97, (AGREE, POLARITY)), True, "would be served"),
    ],
)
def test_the_verdict_says_in_words_what_decided(said: Explained, match: bool, words: str) -> None:  # noqa: FBT001
    """What stood against it, and nothing that did not."""
    told = explanation(said, "verified", None, 0.8)
    assert told.match == match == told.policies["verified"]
    assert words in told.verdict


def test_a_threshold_of_ones_own_is_taken_as_it_is() -> None:
    """It is what the gateway would ask for too."""
    said = Explained(0.90, 0.97, (AGREE,))
    assert explanation(said, "verified", 0.91, 0.8).match is False
    assert explanation(said, "verified", 0.90, 0.8).match is True
    assert explanation(said, "guards", 0.91, 0.8).match is False


def test_the_table_names_every_guard_and_colours_only_where_asked() -> None:
    """Piped or with NO_COLOR it is plain."""
    told = explanation(Explained(0.95, 0.1, (AGREE, NUMBERS)), "verified", None, 0.8)
    plain, coloured = table(told, colour=False), table(told, colour=True)
    for word in ("similarity", "order", "numbers", "(a veto)", "verifier", "cosine match"):
        assert word in plain
    assert GREEN not in plain
    assert GREEN in coloured
    assert RED in coloured
