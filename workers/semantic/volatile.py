"""Questions whose answers do not keep: now, today, the latest, weather, prices, scores."""

from typing import Final

from workers.semantic.guards.reading import Reading, read
from workers.semantic.guards.words import listed

_MOMENTS: Final = listed("now today tonight currently nowadays tomorrow yesterday latest newest")
_PHRASES: Final = tuple(
    tuple(phrase.split())
    for phrase in (
        "right now",
        "at the moment",
        "at this moment",
        "as of now",
        "this week",
        "this month",
        "this year",
        "this morning",
        "this evening",
        "this weekend",
        "last night",
        "next week",
        "most recent",
        "up to date",
        "so far this",
        "time is it",
        "is the time",
        "current time",
        "current date",
        "what day is",
        "who is winning",
        "who won the game",
        "open now",
        "happening in",
        "is happening",
        "going on in",
        "next train",
        "next bus",
        "next flight",
        "next game",
        "next match",
        "next election",
        "next holiday",
        "days until",
        "days left",
        "how old is",
        "still alive",
    )
)
_FLEETING: Final = listed(
    "weather forecast temperature traffic headlines news score scores standings trending raining snowing "
    "delayed"
)
_HOLDERS: Final = listed(
    "president minister chancellor king queen pope ceo champion mayor governor senator leader version "
    "release population"
)
"""What somebody or something is for a time; with "current" the question is who or which it is by now."""
_RATES: Final = listed("price prices stock stocks share shares rate rates cost value worth")
_TRADED: Final = listed(
    "bitcoin ethereum crypto gold silver oil gas petrol stock exchange currency dollar euro"
)
_LASTING: Final = listed("define definition mean meaning explain why formula calculate write code function")
"""Words of questions about such things in general: "why do stock prices fall"."""


def volatile(question: str) -> bool:
    """Whether the question's answer is likely to be another one tomorrow; English, and by its words alone."""
    reading = read(question)
    lowers = reading.lowers
    if not lowers.isdisjoint(_MOMENTS) or any(_holds(reading, phrase) for phrase in _PHRASES):
        return not _general(reading)
    if "current" in lowers and not lowers.isdisjoint(_HOLDERS):
        return not _general(reading)
    if not lowers.isdisjoint(_LASTING):
        return False
    return _asks_for_one(reading) and (
        not lowers.isdisjoint(_FLEETING) or not (lowers.isdisjoint(_RATES) or lowers.isdisjoint(_TRADED))
    )


def _asks_for_one(reading: Reading) -> bool:
    """Whether it asks how things are, and not how or why they come about."""
    lowers = [word.lower for word in reading.words]
    manner = "how" in lowers and not {"much", "many", "is", "are"} & set(
        lowers[lowers.index("how") + 1 :][:1]
    )
    return bool(lowers) and not manner and "why" not in lowers


def _general(reading: Reading) -> bool:
    """Whether a word is spoken of, not used: "define 'now'"."""
    return not reading.lowers.isdisjoint(listed("define definition meaning")) or bool(
        reading.quoted & _MOMENTS
    )


def _holds(reading: Reading, phrase: tuple[str, ...]) -> bool:
    lowers = [word.lower for word in reading.words]
    return any(tuple(lowers[i : i + len(phrase)]) == phrase for i in range(len(lowers) - len(phrase) + 1))
