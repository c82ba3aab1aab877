"""Whether two answers say the same: what a shadow check, or an answer bought after a refusal, is judged by.

Pure. It says `unsure` rather than guess, and then nothing is learned. It reads English, knows no facts, and a
question with many right answers (a poem, an opinion) looks to it like one that was answered wrong.
"""

import re
import unicodedata
from typing import Final, Literal

from workers.semantic.guards.entities import entities
from workers.semantic.guards.polarity import polarity
from workers.semantic.guards.reading import read
from workers.semantic.guards.substitution import substitution
from workers.semantic.guards.words import listed

Sameness = Literal["same", "different", "unsure"]

_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_EMPTY: Final = listed(
    "a an the is are was were be been being am of in on at to for from by with as it its this that these "
    "those and or but so than then there here you your we our they their he she his her i my me do does did "
    "can could will would shall should may might must have has had very also just about into over which who "
    "what when"
)
_YES: Final = listed("yes yeah yep correct true certainly absolutely")
_NO: Final = listed("no nope incorrect false")
SHORT_WORDS: Final = 40
"""Words up to which one word more or less changes what is said; longer texts differ in some always."""
FEW: Final = 3
"""Words that are the answer itself: "Paris", "the blue whale"."""
SURE_SIMILARITY, CLOSE_SIMILARITY, FAR_SIMILARITY = 0.85, 0.8, 0.5
SURE_SHARED, FAR_SHARED = 0.5, 0.15
SURE_WORDS_ALONE: Final = 0.8
"""Shares of the shorter answer's words: without a similarity more of them must be there."""
_OBJECTING: Final = (polarity, entities, substitution)


def same_answer(one: str, other: str, similarity: float | None) -> Sameness:
    """Judge two answers; `similarity` is the cosine of their meanings, None when nobody measured it."""
    ours, theirs = _words(one), _words(other)
    if not ours or not theirs:
        return "unsure"
    if ours == theirs:
        return "same"
    here, there = set(ours) - _EMPTY, set(theirs) - _EMPTY
    shared = len(here & there) / max(1, min(len(here), len(there)))
    short = max(len(ours), len(theirs)) <= SHORT_WORDS
    if _contradict(one, other, ours, theirs, short=short):
        return "different"
    if short and not all(guard(read(one), read(other)).passed for guard in _OBJECTING):
        # "It is Paris" against "It is London"; guards also object to some synonyms, which are close.
        return "different" if (shared if similarity is None else similarity) < CLOSE_SIMILARITY else "unsure"
    if min(len(here), len(there)) <= FEW:
        return _of_few_words(shared, similarity)
    return _of_many_words(shared, similarity)


def _of_few_words(shared: float, similarity: float | None) -> Sameness:
    """One of them is hardly more than a name: the other one says it too, or says another one."""
    if shared == 1.0:
        return "same"
    close = similarity is not None and similarity >= SURE_SIMILARITY
    return "different" if shared == 0.0 and not close else "unsure"


def _of_many_words(shared: float, similarity: float | None) -> Sameness:
    if similarity is None:
        sure, far = shared >= SURE_WORDS_ALONE, shared < FAR_SHARED
    else:
        sure = similarity >= SURE_SIMILARITY and shared >= SURE_SHARED
        far = similarity < FAR_SIMILARITY or shared < FAR_SHARED
    return "same" if sure else "different" if far else "unsure"


def _contradict(one: str, other: str, ours: list[str], theirs: list[str], *, short: bool) -> bool:
    """Whether they cannot both be so: yes and no, or other numbers."""
    openers = {ours[0], theirs[0]}
    if openers & _YES and openers & _NO:
        return True
    here, there = set(_NUMBER.findall(one)), set(_NUMBER.findall(other))
    # Whoever says more may name further numbers; each must be silent where the other speaks.
    apart = bool(here and there) and not (here <= there or there <= here)
    return apart and (short or not here & there)


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
