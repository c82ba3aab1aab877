"""Two questions that each name a number, unit or date which the other does not: no answer serves both."""

from collections.abc import Set as AbstractSet

from workers.semantic.guards.quantities import dates_of, numerals, units_conflict
from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "contradiction"


def contradiction(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless both sides name what the other does not; what one side alone names contradicts nothing."""
    asks, stores = numerals(asked, stored)
    if asks - stores and stores - asks:
        return Verdict(NAME, passed=False, reason="numbers contradict each other")
    if units_conflict(asked, stored):
        return Verdict(NAME, passed=False, reason="units contradict each other")
    if _apart(dates_of(asked), dates_of(stored)):
        return Verdict(NAME, passed=False, reason="dates contradict each other")
    return Verdict(NAME, passed=True, reason="no contradiction")


def _apart(one: AbstractSet[str], two: AbstractSet[str]) -> bool:
    return bool(one - two and two - one)
