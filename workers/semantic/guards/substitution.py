"""The same sentence with another word in one place asks for another thing."""

from collections.abc import Sequence

from workers.semantic.guards.reading import Reading, Word
from workers.semantic.guards.slips import slip
from workers.semantic.guards.synonyms import synonymous
from workers.semantic.guards.units import UNITS
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import NUMBERS

NAME = "substitution"

_WIDEST = 3  # words in the place that differs, of which:
_MOST_CONTENT = 2
_LEAST_COMMON = 2


def substitution(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless the two are one sentence but for one place, where neither synonyms nor slips explain it."""
    here, there = _difference(asked.words, stored.words)
    if max(len(here), len(there)) > _WIDEST or len(asked.words) - len(here) < _LEAST_COMMON:
        return Verdict(NAME, passed=True, reason="worded differently")
    ours, theirs = _carrying(here), _carrying(there)
    if not (1 <= len(ours) <= _MOST_CONTENT and 1 <= len(theirs) <= _MOST_CONTENT) or _alike(ours, theirs):
        return Verdict(NAME, passed=True, reason="no word exchanged")
    return Verdict(NAME, passed=False, reason="a word was exchanged")


def _difference(one: Sequence[Word], two: Sequence[Word]) -> tuple[Sequence[Word], Sequence[Word]]:
    """What is left of both between the words they begin and end with in common."""
    shorter = min(len(one), len(two))
    start = 0
    while start < shorter and one[start].stem == two[start].stem:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end].stem == two[-1 - end].stem:
        end += 1
    return one[start : len(one) - end], two[start : len(two) - end]


def _carrying(words: Sequence[Word]) -> list[Word]:
    # Numbers have a guard of their own, which knows that "2" is "two".
    return [w for w in words if w.content and w.lower not in NUMBERS and w.lower[0].isalpha()]


def _alike(ours: Sequence[Word], theirs: Sequence[Word]) -> bool:
    if _spellings(ours) & _spellings(theirs):
        return True
    return any(
        one.stem == two.stem
        or UNITS.get(one.lower, one) == UNITS.get(two.lower, two)
        or slip(one.lower, two.lower)
        or synonymous(one.stem, two.stem)
        for one in ours
        for two in theirs
    )


def _spellings(words: Sequence[Word]) -> set[str]:
    """The words in one, and their initials if there are several: "data base", "United Kingdom"."""
    joined = {"".join(word.lower for word in words)}
    return joined | {"".join(word.lower[0] for word in words)} if len(words) > 1 else joined
