"""Who does what to whom: the same words with two of them exchanged are another question."""

from collections.abc import Sequence
from functools import lru_cache

from workers.semantic.guards.reading import REMEMBERED, Reading
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import listed

NAME = "order"

_DIRECTED = listed("from to into in onto on than before after over under by of as for against")
_SYMMETRIC = listed(
    "and or vs versus between differ differs difference differences different compare compared comparison "
    "related relationship relations married engaged dating friends similar same"
)
_PASSIVE = listed("was were been being is are be")
_LONGEST = 4


def order(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless two things have exchanged places."""
    if _symmetric(asked) and _symmetric(stored):
        return Verdict(NAME, passed=True, reason="the order does not matter")
    if _crossed(asked, stored):
        return Verdict(NAME, passed=False, reason="a direction is reversed")
    if _exchanged(asked, stored):
        return Verdict(NAME, passed=False, reason="two words exchanged places")
    return Verdict(NAME, passed=True, reason="the order agrees")


def _symmetric(reading: Reading) -> bool:
    return not _SYMMETRIC.isdisjoint(reading.lowers)


def _crossed(asked: Reading, stored: Reading) -> bool:
    """Whether some preposition's object has become the other's bystander, and the reverse."""
    here, there = _objects(asked), _objects(stored)
    return any(
        preposition == also
        and sort == other_sort
        and one != two
        and one in stored.stems
        and two in asked.stems
        and (preposition, sort, one) not in there
        and (preposition, sort, two) not in here
        for preposition, sort, one in here
        for also, other_sort, two in there
    )


@lru_cache(maxsize=REMEMBERED)
def _objects(reading: Reading) -> frozenset[tuple[str, str, str]]:
    """Each preposition with what follows it: a name, a number or a plain word, and which."""
    objects: set[tuple[str, str, str]] = set()
    for i, word in enumerate(reading.words):
        if word.lower in _DIRECTED:
            following = next((w for w in reading.words[i + 1 : i + 4] if w.content), None)
            if following is not None:
                objects.add((word.lower, _sort(following.text), following.stem))
    return frozenset(objects)


def _sort(text: str) -> str:
    # Only things of one sort can change places: "to Paris" and "to pay" cannot.
    if text[0].isupper():
        return "name"
    return "word" if text[0].isalpha() else "number"


def _exchanged(asked: Reading, stored: Reading) -> bool:
    here = [word.stem for word in asked.content]
    there = [word.stem for word in stored.content]
    if sorted(here) != sorted(there):
        return False
    if _passive(asked) != _passive(stored):
        # Who does and who suffers change places by the passive, and stay what they are by moving too.
        return here == there
    return _is_exchange(here, there)


def _passive(reading: Reading) -> bool:
    return "by" in reading.lowers and not _PASSIVE.isdisjoint(reading.lowers)


def _is_exchange(one: Sequence[str], two: Sequence[str]) -> bool:
    """Whether two runs of words around a common middle changed places."""
    start = 0
    while start < len(one) and one[start] == two[start]:
        start += 1
    end = len(one)
    while end > start and one[end - 1] == two[end - 1]:
        end -= 1
    left, right = list(one[start:end]), list(two[start:end])
    return any(
        left == right[-x:] + right[y : len(right) - x] + right[:y]
        for x in range(1, _LONGEST + 1)
        for y in range(1, _LONGEST + 1)
        if x + y < len(left)  # without a middle it is one phrase that moved
    )
