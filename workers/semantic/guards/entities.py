"""Names, acronyms and quoted strings must not be exchanged for others."""

from workers.semantic.guards.reading import Reading, Word
from workers.semantic.guards.verdict import Verdict

NAME = "entities"

_MOSTLY = 0.6
_ACRONYM = 2


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
    lowers, stems, initials = other.lowers, other.stems, _initials(other)
    joined = "".join(word.lower for word in other.words)
    return any(
        name.lower not in lowers
        and name.stem not in stems
        and name.lower not in initials
        and not (len(name.lower) > 3 and name.lower in joined)
        and not any(_swapped_letters(name.lower, word) for word in lowers)
        for name in names
    )


def _names(reading: Reading) -> list[Word]:
    words = [word for word in reading.words if word.text[0].isalpha()]
    capitals = sum(word.text[0].isupper() for word in words)
    if capitals > _MOSTLY * len(words):
        return []  # a title or a shout: capitals say nothing
    return [word for word in words if word.content and word.text[0].isupper() and not word.first]


def _initials(reading: Reading) -> str:
    return "".join(word.lower[0] for word in reading.words)


def _swapped_letters(name: str, word: str) -> bool:
    """Whether two letters next to each other changed places: a typing slip, hardly another name."""
    if len(name) != len(word) or name == word:
        return False
    places = [i for i, (x, y) in enumerate(zip(name, word, strict=True)) if x != y]
    return len(places) == 2 and places[1] == places[0] + 1 and sorted(name) == sorted(word)
