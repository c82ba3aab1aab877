"""One question must not be a small part of the other: what is said beside it changes the answer."""

from typing import Final

from workers.semantic.guards.reading import Reading
from workers.semantic.guards.verdict import Verdict

NAME = "length"
TIMES: Final = 4
"""How many times the words that carry the subject one may have of the other's."""
SHORT: Final = 12
"""A difference of fewer such words is no reason, however short the shorter one is."""


def length(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless one says far more than the other."""
    less, more = sorted((len(asked.content), len(stored.content)))
    if more - less >= SHORT and more > TIMES * less:
        return Verdict(NAME, passed=False, reason="one says far more")
    return Verdict(NAME, passed=True, reason="lengths agree")
