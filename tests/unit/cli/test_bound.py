"""What `sentinel cache bound` shows of a fleet."""

from shared.bound_report import row_of, totals
from shared.cli.bound import table
from shared.error_bound import NEVER, Tally, judged, nothing_seen, proposed
from shared.settings import Settings
from shared.tallies import Known

POLICY = "verified-1@model"


def seen(right: int, wrong: int) -> tuple[Tally, ...]:
    """Judged pairs of one chance."""
    tallies = nothing_seen()
    for number in range(right + wrong):
        tallies = judged(proposed(tallies, 0.97), 0.97, right=number < right)
    return tallies


KNOWN = [Known("acme", POLICY, seen(900, 9)), Known("new", POLICY, nothing_seen())]


def test_a_tenant_that_serves_and_one_that_learns_are_told_apart() -> None:
    """The first has a threshold and an interval, the second nothing that hits."""
    settings = Settings(max_false_hit_rate=0.05)
    serving, learning = (row_of(known, settings) for known in KNOWN)
    assert serving.threshold is not None
    assert serving.lower <= serving.wrong <= serving.upper <= 0.05
    assert (learning.threshold, learning.hit_share, learning.judged) == (None, 0.0, 0)
    shown = table([serving, learning]).splitlines()
    assert shown[0].startswith("tenant")
    assert "5.0%" in shown[1]
    assert "learning" in shown[2]


def test_without_a_bound_the_static_threshold_is_measured() -> None:
    """What is served is shown as it is."""
    row = row_of(KNOWN[0], Settings(verifier_chance=0.8))
    assert (row.threshold, row.max_false_hit_rate) == (0.8, None)
    assert "none" in table([row])


def test_the_total_is_of_those_who_serve() -> None:
    """A tenant whose hits are many weighs more; who serves nothing has no say."""
    [total] = totals(KNOWN, Settings(max_false_hit_rate=0.05))
    assert (total.policy, total.serving, total.learning) == (POLICY, 1, 1)
    assert total.estimate.lower <= total.estimate.wrong <= total.estimate.upper
    [nobody] = totals(KNOWN[1:], Settings(max_false_hit_rate=0.05))
    assert (nobody.estimate.threshold, nobody.estimate.wrong) == (NEVER, 0.0)


def test_nothing_is_said_in_words() -> None:
    """A fleet that has not proposed anything."""
    assert table([]) == "Nothing was proposed yet."
