"""Who, when, where, why, how many: what is asked for, and which one of many."""

from functools import lru_cache
from itertools import pairwise

from workers.semantic.guards.reading import REMEMBERED, Reading
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import listed

NAME = "kind"

_KINDS = {"who": "who", "whom": "who", "whose": "who", "when": "when", "where": "where", "why": "why"}
_HOW = {"many": "count", "much": "amount", "come": "why", "long": "duration"}
_TIMES = listed("year month day date time")
_SELECTORS = listed(
    "latest earliest newest oldest distinct unique average median largest biggest smallest highest lowest "
    "longest shortest tallest cheapest fastest nearest closest maximum minimum"
)


def kind(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless they ask for different kinds of answer, or only one selects among many."""
    here, there = _kinds(asked), _kinds(stored)
    if here and there and here.isdisjoint(there):
        return Verdict(NAME, passed=False, reason="another question word")
    if asked.lowers & _SELECTORS != stored.lowers & _SELECTORS:
        return Verdict(NAME, passed=False, reason="only one selects")
    if _counts(asked) != _counts(stored):
        return Verdict(NAME, passed=False, reason="only one counts")
    if _former(asked) != _former(stored):
        return Verdict(NAME, passed=False, reason="only one is about the past")
    return Verdict(NAME, passed=True, reason="the same is asked for")


@lru_cache(maxsize=REMEMBERED)
def _kinds(reading: Reading) -> frozenset[str]:
    lowers = [word.lower for word in reading.words]
    kinds = {_KINDS[word] for word in lowers if word in _KINDS}
    for i, word in enumerate(lowers[:-1]):
        if word == "how":
            kinds.add(
                "duration" if lowers[i + 1 : i + 3] == ["much", "time"] else _HOW.get(lowers[i + 1], "how")
            )
        elif word in {"what", "which"} and lowers[i + 1] in _TIMES:
            kinds.add("when")
    return frozenset(kinds)


@lru_cache(maxsize=REMEMBERED)
def _counts(reading: Reading) -> bool:
    lowers = [word.lower for word in reading.words]
    return "number" in lowers or "count" in lowers or ("how", "many") in pairwise(lowers)


@lru_cache(maxsize=REMEMBERED)
def _former(reading: Reading) -> bool:
    lowers = [word.lower for word in reading.words]
    return any(lowers[i : i + 3] in (["use", "to", "be"], ["used", "to", "be"]) for i in range(len(lowers)))
