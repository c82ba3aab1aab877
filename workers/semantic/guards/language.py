"""Both questions must be in one language: an answer is given in that of its question."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from workers.semantic.guards.reading import REMEMBERED, Reading
from workers.semantic.guards.verdict import Verdict
from workers.semantic.guards.words import listed

NAME = "language"

_MARKERS: Final[Mapping[str, frozenset[str]]] = {
    "English": listed(
        "the is are was what how why when where which who do does did can of and to you your my with for"
    ),
    "German": listed(
        "der die das ist sind war was wie warum wann wo welche wer kann von und zu ich mein mit ein eine für"
    ),
    "French": listed(
        "le la les est sont qui que quoi comment pourquoi quand où quel quelle peut et du des une avec pour"
    ),
    "Spanish": listed(
        "el los las es son qué cómo por cuándo dónde cuál quién puede y del una mi con para está"
    ),
    "Italian": listed(
        "il lo gli è sono che cosa come perché quando dove quale chi può e di una mio con per della"
    ),
    "Portuguese": listed("os as é são que como quando onde qual quem pode e do da uma meu com para não"),
    "Dutch": listed(
        "de het is zijn wat hoe waarom wanneer waar welke wie kan van en een ik mijn met voor niet"
    ),
}
"""Words that nearly every question in a language has some of. Some belong to several."""
_LATIN_ENDS: Final = 0x24F
"""The last letter of Latin Extended-B; scripts beyond it lie in blocks of 128 letters, nearly all of them."""
_LEAST: Final = 2
_AHEAD: Final = 2


def language(asked: Reading, stored: Reading) -> Verdict:
    """Pass unless both are told to be in a language, and in different ones."""
    here, there = _language(asked), _language(stored)
    if here and there and here != there:
        return Verdict(NAME, passed=False, reason="another language")
    return Verdict(NAME, passed=True, reason="no other language")


@lru_cache(maxsize=REMEMBERED)
def _language(reading: Reading) -> str:
    """The language of a question, or its script where that is not Latin; '' when too little of it tells."""
    letters = [word.lower[0] for word in reading.words if word.lower[0].isalpha()]
    foreign = [letter for letter in letters if ord(letter) > _LATIN_ENDS]
    if letters and len(foreign) * 2 > len(letters):
        return f"script {ord(foreign[0]) >> 7}"
    found = sorted(((len(words & reading.lowers), name) for name, words in _MARKERS.items()), reverse=True)
    (most, name), (next_most, _) = found[:2]
    return name if most >= _LEAST and most >= next_most + _AHEAD else ""
