"""Similarity proposes, guards decide: cheap lexical reasons why near is not the same."""

from workers.semantic.guards.entities import entities
from workers.semantic.guards.kind import kind
from workers.semantic.guards.numbers import numbers
from workers.semantic.guards.order import order
from workers.semantic.guards.polarity import polarity
from workers.semantic.guards.reading import read
from workers.semantic.guards.substitution import substitution
from workers.semantic.guards.verdict import Verdict

__all__ = ["GUARDS", "Verdict", "judge"]

_GUARDS = (numbers, polarity, kind, order, entities, substitution)

GUARDS = tuple(guard.__name__ for guard in _GUARDS)
"""The guards' names, in the order in which they judge."""


def judge(asked: str, stored: str) -> tuple[Verdict, ...]:
    """Ask every guard whether the stored question's answer serves the asked one; all must pass."""
    one, two = read(asked), read(stored)
    return tuple(guard(one, two) for guard in _GUARDS)
