"""Numbers, units and dates must agree."""

from workers.semantic.guards.quantities import dates_of, numerals, units_conflict
from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "numbers"


def numbers(asked: Reading, stored: Reading) -> Verdict:
    """Pass when both hold the same numbers, with no two units or dates in conflict."""
    asks, stores = numerals(asked, stored)
    if asks != stores:
        return Verdict(NAME, passed=False, reason="a number differs")
    if units_conflict(asked, stored):
        return Verdict(NAME, passed=False, reason="a unit differs")
    if dates_of(asked) != dates_of(stored):
        return Verdict(NAME, passed=False, reason="a date differs")
    return Verdict(NAME, passed=True, reason="numbers agree")
