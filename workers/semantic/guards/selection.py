"""Two questions that pick different things: the longest or the shortest, the first half or the second."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise

from workers.semantic.guards.opposites import opposed
from workers.semantic.guards.reading import REMEMBERED, Reading
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import listed

NAME = "selection"

_EXTREMES = listed("""
    first last earlier later earliest latest oldest newest youngest largest biggest greatest smallest longest
    shortest tallest highest lowest deepest shallowest heaviest lightest most fewest least maximum minimum max
    min best worst cheapest fastest slowest nearest farthest hottest coldest richest poorest
    """)
_SUPERLATIVES = _EXTREMES - listed("first last earlier later maximum minimum max min")
_COMPARED = listed("""
    more fewer less older younger larger bigger smaller longer shorter higher lower better worse faster slower
    """)
"""What picks one of two alternatives; "more A than B" picks none, and is "less B than A"."""
_RANKS = {
    rank: rank for rank in listed("first second third fourth fifth sixth seventh eighth ninth tenth last")
}
_RANKS["final"] = "last"
_PARTS = {
    **{part: part for part in listed("first middle last full real maiden stage pen")},
    "given": "first",
    "family": "last",
    "complete": "full",
    "birth": "real",
}
"""Words before "name" that say which one is meant."""
_NAMES = {"surname": "last", "nickname": "nick"}


def selection(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless both pick by an extreme, by a rank or a part of a name, and not alike."""
    if _opposed(asked, stored):
        return Verdict(NAME, passed=False, reason="opposite extremes")
    if _ranked_apart(asked, stored):
        return Verdict(NAME, passed=False, reason="another rank")
    here, there = _names(asked), _names(stored)
    if here and there and here.isdisjoint(there):
        return Verdict(NAME, passed=False, reason="another part of a name")
    return Verdict(NAME, passed=True, reason="picked alike")


def _opposed(asked: Reading, stored: Reading) -> bool:
    picking = _EXTREMES | _COMPARED if "or" in asked.lowers & stored.lowers else _EXTREMES
    here = {word.stem for word in asked.words if word.lower in picking} - stored.stems
    there = {word.stem for word in stored.words if word.lower in picking} - asked.stems
    return opposed(here, there)


def _ranked_apart(asked: Reading, stored: Reading) -> bool:
    """Whether some thing has two ranks, neither of which stands anywhere in the other question."""
    here, there = _ranked(asked), _ranked(stored)
    return any(
        here[thing] != there[thing]
        and here[thing] not in _ranks(stored)
        and there[thing] not in _ranks(asked)
        for thing in here.keys() & there.keys()
    )


@lru_cache(maxsize=REMEMBERED)
def _ranks(reading: Reading) -> frozenset[str]:
    return frozenset(_RANKS[word] for word in reading.lowers & _RANKS.keys())


@lru_cache(maxsize=REMEMBERED)
def _ranked(reading: Reading) -> Mapping[str, str]:
    """The rank of each thing that directly follows one, things by their stems; "the largest" is the first."""
    ranked = {word.stem: "first" for word in reading.words if word.lower in _SUPERLATIVES}
    for word, after in pairwise(reading.words):
        if word.lower in _RANKS and (after.content or after.lower in _SUPERLATIVES):
            ranked[after.stem] = _RANKS[word.lower]
    return ranked


@lru_cache(maxsize=REMEMBERED)
def _names(reading: Reading) -> frozenset[str]:
    """Which parts of a name are mentioned."""
    before = {word.lower for word, after in pairwise(reading.words) if after.lower in {"name", "names"}}
    return frozenset(
        {_PARTS[word] for word in before & _PARTS.keys()}
        | {_NAMES[word] for word in reading.lowers & _NAMES.keys()}
    )
