"""A verdict on two questions in words, for `cache explain` and for who looks through the cache; pure."""

from collections.abc import Sequence
from typing import Final

from workers.semantic.judging import BOUND, VERIFIER, Ruling

MATCH: Final = "A match: the stored answer would be served."
_OWN: Final = frozenset({VERIFIER, BOUND})


def verdict_of(ruling: Ruling, similarity: float, threshold: float) -> str:
    """Say what decided on a pair whose cosine had to reach a threshold first."""
    if similarity < threshold:
        return too_far(similarity, threshold)
    if ruling.accepted:
        return MATCH
    own = next((v for v in ruling.verdicts if v.guard in _OWN and not v.passed), None)
    against = [v for v in ruling.verdicts if v.guard not in _OWN and not v.passed]
    if ruling.vetoed or own is None:
        return refused_for([v.reason for v in against] or ["nobody could tell how likely it is"])
    if own.guard == VERIFIER and ruling.chance is not None and ruling.needed is not None:
        return too_unlikely(ruling.chance, ruling.needed, [v.reason for v in against])
    return refused_for([own.reason])


def too_far(similarity: float, needed: float) -> str:
    """What is said of questions whose cosine is too low."""
    return f"No match: the questions are too far apart ({similarity:.2f}, needed {needed:.2f})."


def refused_for(reasons: Sequence[str]) -> str:
    """What is said where each of these reasons is enough."""
    return f"No match: {_listed(reasons)}."


def too_unlikely(chance: float, needed: float, reasons: Sequence[str]) -> str:
    """What is said where the verifier decided, and what spoke against the pair besides."""
    because = f", with {_listed(reasons)}" if reasons else ""
    least = f"needed {needed:.2f}" if needed <= 1 else "and too little is known to trust any"
    return f"No match: the verifier gives it a chance of {chance:.2f}, {least}{because}."


def _listed(reasons: Sequence[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{', '.join(reasons[:-1])} and {reasons[-1]}"
