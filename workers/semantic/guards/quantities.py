"""What a question counts, measures and dates."""

import re
from collections import Counter
from functools import lru_cache

from workers.semantic.guards.reading import REMEMBERED, Reading, Word
from workers.semantic.guards.units import UNITS
from workers.semantic.guards.words import NUMBERS

_NUMERAL = re.compile(r"\d")
_THOUSANDS = re.compile(r"^\d{1,3}(?:,\d{3})+(?:\.\d+)?$")
_MULTIPLES = {"k": 1_000, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000}
_BEFORE = frozenset("$€£")
_DATES = {
    form: forms.split()[0]
    for forms in (
        "january jan",
        "february feb",
        "april apr",
        "june jun",
        "july jul",
        "august aug",
        "september sep sept",
        "october oct",
        "november nov",
        "december dec",
        "monday mon mondays",
        "tuesday tue tues tuesdays",
        "wednesday wed wednesdays",
        "thursday thu thurs thursdays",
        "friday fri fridays",
        "saturday sat saturdays",
        "sunday sundays",
        "today",
        "tomorrow",
        "yesterday",
    )
    for form in forms.split()
}


@lru_cache(maxsize=REMEMBERED)  # two guards compare them
def numerals(asked: Reading, stored: Reading) -> tuple[Counter[str], Counter[str]]:
    """The numbers that both questions name, each as often as they do, so that the two compare."""
    asks, stores = _values(asked), _values(stored)
    return _without_loose_one(asks, stores), _without_loose_one(stores, asks)


@lru_cache(maxsize=REMEMBERED)
def _values(reading: Reading) -> Counter[str]:
    words = reading.words
    following = (*(word.lower for word in words[1:]), "")
    values: Counter[str] = Counter()
    for word, after in zip(words, following, strict=False):
        if word.lower == "one":
            values["one"] += 1
        elif (value := _value(word)) is not None:
            factor = _MULTIPLES.get(after)
            values[value if factor is None else _scaled(value, factor)] += 1
    return values


def _without_loose_one(values: Counter[str], other: Counter[str]) -> Counter[str]:
    """The numerals alone, once "one" has stood in for as many 1s as the other side needs.

    "Which one" is no number, so a "one" too many is no difference.
    """
    ones = min(values["one"], max(other["1"] - values["1"], 0))
    numerals = values + Counter({"1": ones})
    del numerals["one"]
    return numerals


@lru_cache(maxsize=REMEMBERED)
def units_conflict(asked: Reading, stored: Reading) -> bool:
    """Whether one number stands beside two different units."""
    asks, stores = _measured(asked), _measured(stored)
    return any(stores.get(value, unit) != unit for value, unit in asks.items())


@lru_cache(maxsize=REMEMBERED)
def dates_of(reading: Reading) -> frozenset[str]:
    """The months and days that a question names."""
    return frozenset(_DATES[word.lower] for word in reading.words if word.lower in _DATES)


def _value(word: Word) -> str | None:
    if word.lower in NUMBERS:
        return NUMBERS[word.lower]
    if not _NUMERAL.match(word.lower):
        return None
    text = word.lower
    if _THOUSANDS.match(text):
        text = text.replace(",", "")
    # "3.1" and "3.10" are two versions, so trailing zeros stay; "5:00" and "5" are one time.
    return text.removesuffix(":00").lstrip("0") or "0"


def _scaled(value: str, factor: int) -> str:
    try:
        return f"{float(value) * factor:.0f}"
    except ValueError:
        return value


@lru_cache(maxsize=REMEMBERED)
def _measured(reading: Reading) -> dict[str, str]:
    """Each number that has a unit beside it, with that unit."""
    words = reading.words
    measured: dict[str, str] = {}
    for i, word in enumerate(words):
        value = _value(word)
        if value is None:
            continue
        before = words[i - 1].lower if i else ""
        after = words[i + 1].lower if i + 1 < len(words) else ""
        unit = UNITS.get(before) if before in _BEFORE else UNITS.get(after)
        if unit is not None:
            measured[value] = unit
    return measured
