"""Who, when, where, why, how many: what is asked for, and which one of many."""

from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "kind"

_KINDS = {"who": "who", "whom": "who", "whose": "who", "when": "when", "where": "where", "why": "why"}
_SELECTORS = frozenset(
    "latest earliest newest oldest first last next previous only distinct unique average median total all "
    "largest biggest smallest highest lowest longest shortest tallest cheapest fastest nearest closest "
    "most least maximum minimum".split()
)


def kind(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless they ask for different kinds of answer, or only one selects among many."""
    here, there = _kinds(asked), _kinds(stored)
    if here and there and here.isdisjoint(there):
        return Verdict(NAME, passed=False, reason="another question word")
    if asked.lowers & _SELECTORS != stored.lowers & _SELECTORS:
        return Verdict(NAME, passed=False, reason="only one selects")
    if _former(asked) != _former(stored):
        return Verdict(NAME, passed=False, reason="only one is about the past")
    return Verdict(NAME, passed=True, reason="the same is asked for")


def _kinds(reading: Reading) -> set[str]:
    words = reading.words
    kinds = {_KINDS[word.lower] for word in words if word.lower in _KINDS}
    for i, word in enumerate(words[:-1]):
        if word.lower == "how":
            after = words[i + 1].lower
            kinds.add({"many": "count", "much": "amount", "come": "why", "long": "duration"}.get(after, "how"))
    return kinds


def _former(reading: Reading) -> bool:
    lowers = [word.lower for word in reading.words]
    return any(
        lowers[i : i + 2] == ["use", "to"] or lowers[i : i + 3] == ["used", "to", "be"] for i in range(len(lowers))
    )
