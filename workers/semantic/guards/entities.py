"""Names, acronyms and quoted strings must not be exchanged for others."""

from functools import lru_cache

from workers.semantic.guards.reading import REMEMBERED, Reading, Word
from workers.semantic.guards.slips import slip
from workers.semantic.guards.verdict import Verdict

NAME = "entities"

_MOSTLY = 0.6
_SOLID = 4  # letters that are hardly found in a row by chance


def entities(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless each names something that the other lacks, or their quoted strings differ."""
    if asked.quoted and stored.quoted and asked.quoted != stored.quoted:
        return Verdict(NAME, passed=False, reason="a quoted string differs")
    if _unmatched(asked, stored) and _unmatched(stored, asked):
        return Verdict(NAME, passed=False, reason="a name differs")
    return Verdict(NAME, passed=True, reason="names agree")


def _unmatched(reading: Reading, other: Reading) -> bool:
    names = _names(reading)
    if not names:
        return False
    # "WHO" is not matched by a "who".
    words = [word for word in other.words if word.content or _acronym(word)]
    known = {word.lower for word in words} | {word.stem for word in words}
    joined, initials = "".join(word.lower for word in other.words), _initials(other)
    return not all(
        name.lower in known
        or name.stem in known
        or name.lower in initials
        or (len(name.lower) >= _SOLID and name.lower in joined)
        or any(slip(name.lower, word.lower) for word in words)
        for name in names
    )


@lru_cache(maxsize=REMEMBERED)
def _names(reading: Reading) -> tuple[Word, ...]:
    words = [word for word in reading.words if word.text[0].isalpha()]
    capitals = sum(word.text[0].isupper() for word in words)
    if capitals > _MOSTLY * len(words):
        return ()  # a title or a shout: capitals say nothing
    return tuple(
        word
        for word in words
        if _acronym(word) or (word.content and word.text[0].isupper() and not word.first)
    )


def _acronym(word: Word) -> bool:
    return len(word.text) > 1 and word.text.isupper()


def _initials(reading: Reading) -> str:
    return "".join(word.lower[0] for word in reading.words)
