"""A question taken apart once, for all guards."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache

from workers.semantic.guards.words import CONTRACTED, FUNCTION_WORDS, listed

REMEMBERED = 64
"""Questions that are kept taken apart, and what guards found in each: a popular one meets many others."""
_LEAST_STEM = 2
_MAX_CHARACTERS = 16_384  # bounds what one pair can cost; what is longer is compared on its first part
# Typographic quotes and the minus sign, as they are typed.
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"', "\u2212": "-"}
)
_WORD = re.compile(r"[A-Za-z](?:\+\+|#)|[^\W\d_]+(?:'[^\W\d_]+)*|\d+(?:[.,:]\d+)*|[%$€£]")
# Some writers and many tools put a space before a contraction's ending.
_SPLIT_CONTRACTION = re.compile(r" (?=(?:n't|'(?:t|s|re|ll|ve|d|m))\b)", re.IGNORECASE)
_QUOTED = re.compile(r'"([^"\n]{1,200})"|`([^`\n]{1,200})`')
_ENDINGS = (
    "py js ts jsx tsx java c h cpp cs go rs rb php sh sql json yaml yml toml xml html css md txt csv pdf env "
    "conf cfg ini log lock"
)
_CODE = re.compile(
    r"(?<![\w-])--[a-z][\w-]*"  # an option
    r"|(?<![\w./])(?:~|\.{1,2})?/[\w.-]+(?:/[\w.-]*)*"  # a path
    r"|\b[A-Za-z]:\\[\w\\.-]+"  # a path of Windows
    rf"|\b[\w-]+(?:\.[\w-]+)*\.(?:{_ENDINGS.replace(' ', '|')})\b"  # a file
    r"|\b[A-Za-z_][\w.]*\(\)"  # a call
    r"|\b[A-Za-z]\w*_\w+\b"  # snake_case
    r"|\b[a-z]{2,}(?:[A-Z][a-z]+)+\b"  # camelCase
)
_SENTENCE_END = re.compile(r"[.!?:;\n\"(]\s*$")

_AUXILIARIES = {"s": "is", "re": "are", "ll": "will", "ve": "have", "d": "would", "m": "am"}
_SUBJECTS = listed("what who where when why how it that there here he she")


@dataclass(frozen=True, slots=True)
class Word:
    """A word as written, in lower case and as its stem, and whether it is the first of a sentence."""

    text: str
    lower: str
    stem: str
    first: bool

    @property
    def content(self) -> bool:
        """Whether it carries the question's subject rather than its form."""
        return self.lower not in FUNCTION_WORDS


@dataclass(frozen=True, eq=False)
class Reading:
    """A question's words in order, its quoted strings, and the code that it names.

    Equal to itself alone, so that what a guard finds in one can be remembered without comparing texts.
    """

    words: tuple[Word, ...]
    quoted: frozenset[str]
    code: frozenset[str] = frozenset()

    @cached_property
    def lowers(self) -> frozenset[str]:
        """The distinct words, in lower case."""
        return frozenset(word.lower for word in self.words)

    @cached_property
    def stems(self) -> frozenset[str]:
        """The distinct stems."""
        return frozenset(word.stem for word in self.words)

    @cached_property
    def content(self) -> tuple[Word, ...]:
        """The words that carry the subject, in order."""
        return tuple(word for word in self.words if word.content)


@lru_cache(maxsize=REMEMBERED)
def read(text: str) -> Reading:
    """Take a question apart."""
    text = unicodedata.normalize("NFKC", text[:_MAX_CHARACTERS]).translate(_PLAIN)
    text = _SPLIT_CONTRACTION.sub("", text)
    words: list[Word] = []
    for match in _WORD.finditer(text):
        first = not words or _SENTENCE_END.search(text, max(0, match.start() - 3), match.start()) is not None
        for part in _expanded(match.group()):
            words.append(Word(part, part.lower(), stem(part.lower()), first))
            first = False
    quoted = frozenset((one or two).strip().lower() for one, two in _QUOTED.findall(text))
    return Reading(tuple(words), quoted, frozenset(_CODE.findall(text)))


def stem(word: str) -> str:
    """Cut a lower-case word's inflection, roughly: equal stems are forms of one word."""
    for ending in ("ing", "ied", "ies", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= _LEAST_STEM:
            word = word.removesuffix(ending)
            break
    if len(word) > _LEAST_STEM:
        word = word.rstrip("eyi") or word
    return word[:-1] if len(word) > _LEAST_STEM and word[-1] == word[-2] else word


def _expanded(word: str) -> tuple[str, ...]:
    lower = word.lower()
    if lower in CONTRACTED:
        return CONTRACTED[lower]
    if len(lower) > len("n't") and lower.endswith("n't"):
        return word[:-3], "not"
    base, apostrophe, ending = word.partition("'")
    if apostrophe and ending.lower() in _AUXILIARIES:
        auxiliary = _AUXILIARIES[ending.lower()]
        # After other words "'s" is possession.
        return (base, auxiliary) if ending.lower() != "s" or base.lower() in _SUBJECTS else (base,)
    return (word,)
