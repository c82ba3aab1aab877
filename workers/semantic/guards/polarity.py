"""What one question affirms, the other must not deny or reverse."""

from collections import Counter
from functools import lru_cache

from workers.semantic.guards.opposites import opposed
from workers.semantic.guards.reading import REMEMBERED, Reading
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import listed

NAME = "polarity"

_NEGATORS = listed("not never without none nobody nothing neither nor except")
# "Whether or not", "why or why not", "if not": a turn of phrase that denies nothing.
_EMPTY_BEFORE_NOT = listed("or why if")


def polarity(asked: Reading, stored: Reading) -> Verdict:
    """Pass when both negate equally often (odd or even) and neither uses the other's opposite word."""
    if _negations(asked) % 2 != _negations(stored) % 2:
        return Verdict(NAME, passed=False, reason="one negates")
    if _opposed(asked, stored):
        return Verdict(NAME, passed=False, reason="opposite words")
    return Verdict(NAME, passed=True, reason="polarity agrees")


@lru_cache(maxsize=REMEMBERED)
def _negations(reading: Reading) -> int:
    words = reading.words
    count = 0
    for i, word in enumerate(words):
        if word.lower == "not":
            count += not (i and words[i - 1].lower in _EMPTY_BEFORE_NOT)
        elif word.lower == "no":
            # "No people" denies; "no, I mean" corrects the speaker.
            count += i + 1 < len(words) and words[i + 1].content
        else:
            count += word.lower in _NEGATORS
    return count


def _opposed(asked: Reading, stored: Reading) -> bool:
    # Counted, since "turn off updates on X" has an "on" too.
    here, there = Counter(w.stem for w in asked.words), Counter(w.stem for w in stored.words)
    return opposed(here - there, (there - here).keys())
