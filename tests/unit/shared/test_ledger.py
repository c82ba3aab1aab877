"""What outcomes add to a ledger, and how its lines are summed for people."""

import pytest

from shared.errors import ProviderUnavailable
from shared.ledger import Line, increments
from shared.usage_report import date_of, day_of, summaries, total
from shared.wire.outcome import Answer, Completed, Embedding, Failed, Spent, Usage

pytestmark = pytest.mark.unit
ANSWER = Answer(
    text="t",
    finish_reason="stop",
    model="m",
    provider="p",
    usage=Usage(10, 4, cached_input_tokens=6, reasoning_tokens=1),
    cost=99,
    created_at_ms=1,
)


def amounts(outcome: Completed | Failed) -> dict[str, int]:
    """The increments by what follows the key."""
    return {line.field.removeprefix("k|"): line.amount for line in increments("k", outcome)}


def test_a_bought_answer_is_booked_with_everything_it_cost() -> None:
    """Its tokens of each kind, the call itself, the embedding, and calls that failed before it."""
    spent = (Spent(model="m", usage=Usage(1, 1), cost=7), Spent(model="m"))
    embedding = Embedding("e", 12)
    bought = Completed(answer=ANSWER, source="provider", embedding=embedding, embed_cost=3, spent=spent)
    assert amounts(bought) == {
        "m|calls": 2,
        "m|input_tokens": 11,
        "m|cached_input_tokens": 6,
        "m|output_tokens": 5,
        "m|reasoning_tokens": 1,
        "m|cost": 106,
        "m|unknown": 1,
        "e|embed_calls": 1,
        "e|embed_tokens": 12,
        "e|embed_cost": 3,
    }


def test_an_answer_that_was_found_is_a_saving_and_no_cost() -> None:
    """Only the embedding was paid for."""
    found = Completed(answer=ANSWER, source="semantic", embedding=Embedding("e", 12), embed_cost=3)
    assert amounts(found) == {
        "m|hits_semantic": 1,
        "m|saved_semantic": 99,
        "e|embed_calls": 1,
        "e|embed_tokens": 12,
        "e|embed_cost": 3,
    }


def test_a_failure_books_what_may_be_billed_all_the_same() -> None:
    """A broken reply that told its usage is a call; one that told nothing is unknown."""
    error = ProviderUnavailable("x")
    error.spent = (Spent(model="m", usage=Usage(5, 0), cost=None), Spent(model="m"))
    assert amounts(Failed.from_error(error)) == {
        "m|calls": 1,
        "m|input_tokens": 5,
        "m|unpriced": 1,
        "m|unknown": 1,
    }


LINES = [
    Line(0, "k1", "m", {"calls": 2, "cost": 50, "hits_exact": 1, "saved_exact": 25}),
    Line(0, "k2", "n", {"calls": 1, "unpriced": 1}),
    Line(1, "k1", "m", {"calls": 1, "cost": 25, "doubts": 1}),
]


def test_sums_are_those_of_their_parts_in_every_grouping() -> None:
    """To the picodollar."""
    for by in ("day", "model", "key"):
        groups = summaries(LINES, by)
        assert sum(group.cost.picodollars for group in groups) == total(LINES).cost.picodollars == 75


def test_what_is_not_known_is_never_shown_as_nothing() -> None:
    """A group of nothing known is null; a sum with a part unknown says so."""
    by_model = {group.group: group.cost for group in summaries(LINES, "model")}
    assert (by_model["n"].usd, by_model["n"].complete) == (None, False)
    assert (by_model["m"].usd, by_model["m"].complete) == (75e-12, False)
    assert total(LINES[:1]).cost.complete


def test_days_are_counted_from_1970_in_utc() -> None:
    """Both ways."""
    assert date_of(20_781).isoformat() == "2026-11-24"
    assert day_of(date_of(20_781)) == 20_781
