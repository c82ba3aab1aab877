"""Pairs out of requests with slots: worded twice, with one value exchanged, or asking for something near."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.quality.pairs import Pair, kept_out, lines_of

FOLDER = Path(__file__).with_name("slots")
SET = "slotted"
_TRUE, _EXCHANGED = 0.4, 0.38
"""Shares of the pairs that ask the same, and that differ in a value; the others differ in what is asked."""
_SAME_WORDING, _SWAPPED, _RENUMBERED = 0.35, 0.35, 0.5
_SLOT = re.compile(r"\{(\w)\}")
_DIGIT = re.compile(r"\d")

Values = Mapping[str, str]


class Intent(msgspec.Struct, frozen=True):
    """Wordings of one request, near misses each with wordings of its own, and the values of their slots."""

    same: list[str]
    other: list[list[str]]
    slots: dict[str, list[str] | str]
    """The values of each slot, or the name of the slot whose values it shares."""

    @property
    def kept_out(self) -> bool:
        """Whether nothing may be learned from it."""
        return kept_out(self.same[0])

    def values(self, slot: str) -> list[str]:
        """What may be filled in; raises KeyError for a slot without values."""
        values = self.slots[slot]
        return self.values(values) if isinstance(values, str) else values


def read_intents() -> list[Intent]:
    """Read all intents."""
    return [msgspec.json.decode(line, type=Intent) for line in lines_of(FOLDER)]


def draw(intents: Sequence[Intent], count: int, seed: int = 0) -> list[Pair]:
    """Draw pairs of all intents in turn; the same seed draws the same."""
    rng = random.Random(seed)
    return [_drawn(intents[i % len(intents)], rng) for i in range(count)]


def _drawn(intent: Intent, rng: random.Random) -> Pair:
    groups = [intent.same, *intent.other]
    kind = rng.random()
    if kind < _TRUE:
        group = intent.same if rng.random() < 0.6 else rng.choice(groups)
        a, b = rng.sample(group, 2) if len(group) > 1 else (group[0], group[0].capitalize())
        values = _values(intent, rng)
        return Pair(SET, _filled(a, values), _filled(b, values), 1)
    if kind < _TRUE + _EXCHANGED:
        group = intent.same if rng.random() < 0.7 else rng.choice(groups)
        a, b = rng.choice(group), rng.choice(group)
        b = a if rng.random() < _SAME_WORDING else b
        values = _values(intent, rng)
        others = _exchanged(intent, values, sorted({*_SLOT.findall(a)} & {*_SLOT.findall(b)}), rng)
        if others is not None:
            return Pair(SET, _filled(a, values), _filled(b, others), 0)
    one, two = (intent.same, rng.choice(intent.other)) if rng.random() < 0.75 else rng.sample(groups, 2)
    values = _values(intent, rng)
    return Pair(SET, _filled(rng.choice(one), values), _filled(rng.choice(two), values), 0)


def _values(intent: Intent, rng: random.Random) -> dict[str, str]:
    values: dict[str, str] = {}
    for slot in intent.slots:
        possible = [value for value in intent.values(slot) if value not in values.values()]
        values[slot] = rng.choice(possible)
    renumbered = {slot: _renumbered(value, rng) for slot, value in values.items()}
    return renumbered if rng.random() < _RENUMBERED and _apart(renumbered) else values


def _exchanged(
    intent: Intent, values: Values, among: Sequence[str], rng: random.Random
) -> dict[str, str] | None:
    """The values with one exchanged, or two that are of one kind swapped; None when none can be."""
    if not among:
        return None
    changed, slot = dict(values), rng.choice(among)
    kin = [other for other in among if other != slot and intent.values(other) is intent.values(slot)]
    if kin and rng.random() < _SWAPPED:
        other = rng.choice(kin)
        changed[slot], changed[other] = values[other], values[slot]
        return changed
    exchange: list[Callable[[], str]] = [lambda: rng.choice(intent.values(slot))]
    if _DIGIT.search(values[slot]):
        exchange.append(lambda: _renumbered(values[slot], rng))
    while changed[slot] == values[slot]:
        changed[slot] = rng.choice(exchange)()
    return changed if _apart(changed) else None


def _renumbered(value: str, rng: random.Random) -> str:
    """The value with one of its digits replaced, never by a leading nought."""
    places = [found.start() for found in _DIGIT.finditer(value)]
    if not places:
        return value
    place = rng.choice(places)
    leading = place == 0 or not value[place - 1].isdigit()
    return value[:place] + str(rng.randrange(1 if leading else 0, 10)) + value[place + 1 :]


def _apart(values: Values) -> bool:
    return len(set(values.values())) == len(values)


def _filled(wording: str, values: Values) -> str:
    return _SLOT.sub(lambda found: values[found[1]], wording)
