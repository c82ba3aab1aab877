"""Similarity proposes, guards decide: cheap lexical reasons why near is not the same."""

from collections.abc import Callable
from functools import lru_cache

from workers.semantic.guards.code import code
from workers.semantic.guards.contradiction import contradiction
from workers.semantic.guards.entities import entities
from workers.semantic.guards.kind import kind
from workers.semantic.guards.language import language
from workers.semantic.guards.length import length
from workers.semantic.guards.numbers import numbers
from workers.semantic.guards.order import order
from workers.semantic.guards.polarity import polarity
from workers.semantic.guards.reading import Reading, read
from workers.semantic.guards.selection import selection
from workers.semantic.guards.substitution import substitution
from workers.semantic.guards.verdict import Verdict

Guard = Callable[[Reading, Reading], Verdict]
__all__ = ["GUARDS", "WEIGHED", "Verdict", "judge", "judge_weighed"]

_WEIGHED = (numbers, polarity, kind, order, entities, substitution)
"""Those whose verdicts the verifier weighs, in the order that its weights know."""
_GUARDS = (*_WEIGHED, contradiction, selection, code, language, length)

WEIGHED = len(_WEIGHED)
"""How many of them the verifier weighs: the first."""
GUARDS = tuple(guard.__name__ for guard in _GUARDS)
"""The guards' names, in the order in which they judge."""


@lru_cache(maxsize=64)  # the judge asks, and then the verifier about the same pairs
def judge(asked: str, stored: str) -> tuple[Verdict, ...]:
    """Ask every guard whether the stored question's answer serves the asked one; all must pass."""
    one, two = read(asked), read(stored)
    return tuple(guard(one, two) for guard in _GUARDS)


def judge_weighed(asked: str, stored: str) -> tuple[Verdict, ...]:
    """What those guards say whose verdicts the verifier weighs."""
    return judge(asked, stored)[:WEIGHED]
