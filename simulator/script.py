"""Scripted behaviour: which rule a call meets, decided purely."""

import random
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta, Struct

NAMED_FAULTS: Final = frozenset(
    {
        "hang", "garbage", "truncate", "empty_choice", "no_choices", "close", "drip", "oversize",
        "wrong_schema", "stream_error",
    }
)  # fmt: skip
_NotNegative = Annotated[float, Meta(ge=0)]
_FAULT_STATUS = range(400, 600)


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """What a call must be like: the end of its path, its model, and a text within its question."""

    path: str | None = None
    model: str | None = None
    contains: str | None = None


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the calls that match are treated; the field meanings and units are in the package's README.

    Raises ValueError (a ValidationError when decoded) for an unknown fault or a reversed latency range.
    """

    match: Match = Match()
    times: Annotated[int, Meta(ge=1)] | None = None
    chance: Annotated[float, Meta(ge=0, le=1)] = 1.0
    flaps_s: Annotated[float, Meta(gt=0)] | None = None
    # Its bounds are checked below: msgspec 0.22 crashes the process at the next garbage collection after
    # decoding a union of a constrained number and a fixed-length tuple.
    latency_ms: float | tuple[float, float] | None = None
    tokens_per_second: _NotNegative | None = None
    cached_tokens: Annotated[int, Meta(ge=0)] | None = None
    headers: dict[str, str] = {}
    fault: str | None = None
    retry_after_s: _NotNegative | None = None
    after_parts: Annotated[int, Meta(ge=0)] | None = None
    pause_ms: _NotNegative = 2_500.0
    size_bytes: Annotated[int, Meta(ge=1, le=1 << 30)] = 50_000_000

    def __post_init__(self) -> None:
        """Refuse what the field types cannot say."""
        if self.fault is not None and self.fault not in NAMED_FAULTS and self.fault_status is None:
            raise ValueError(f"fault is one of {', '.join(sorted(NAMED_FAULTS))} or status:400 to status:599")
        least, most = self.latency_ms if isinstance(self.latency_ms, tuple) else (self.latency_ms or 0.0,) * 2
        if not 0 <= least <= most:
            raise ValueError("latency_ms is a number of at least 0, or [least, most]")
        if not all(_is_header(name, value) for name, value in self.headers.items()):
            raise ValueError("headers are printable ASCII, and their names have no spaces or colons")

    @property
    def fault_status(self) -> int | None:
        """The HTTP status of a `status:` fault, or none."""
        kind, _, digits = (self.fault or "").partition(":")
        if kind == "status" and digits.isdecimal() and int(digits) in _FAULT_STATUS:
            return int(digits)
        return None


class Call(Struct, frozen=True):
    """What a rule may look at."""

    path: str
    model: str | None
    question: str
    at: float = 0.0


class Script:
    """The rules in force, and how often each was applied."""

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self.applied = [0] * len(self.rules)

    def next_rule(self, call: Call, draws: random.Random) -> Rule | None:
        """Take the first rule that applies to a call and count it."""
        index = first_match(self.rules, self.applied, call, draws)
        if index is None:
            return None
        self.applied[index] += 1
        return self.rules[index]


def first_match(
    rules: Sequence[Rule], applied: Sequence[int], call: Call, draws: random.Random
) -> int | None:
    """Find the first rule that matches, has turns left, and wins its chance."""
    for index, (rule, count) in enumerate(zip(rules, applied, strict=True)):
        spent = rule.times is not None and count >= rule.times
        # A certain rule draws nothing: adding one leaves the luck of the others as it was.
        on = rule.flaps_s is None or int(call.at / rule.flaps_s) % 2 == 0
        certain = rule.chance >= 1
        if on and not spent and matches(rule.match, call) and (certain or draws.random() < rule.chance):
            return index
    return None


def matches(match: Match, call: Call) -> bool:
    """Tell whether a call is like a match; what the match leaves out may be anything."""
    return (
        (match.path is None or call.path.endswith(match.path))
        and (match.model is None or call.model == match.model)
        and (match.contains is None or match.contains in call.question)
    )


def latency_s(rule: Rule | None, default_ms: float, draws: random.Random) -> float:
    """Decide how long a call waits before its reply, in seconds."""
    scripted = rule.latency_ms if rule else None
    if isinstance(scripted, tuple):
        return draws.uniform(*scripted) / 1000
    return (default_ms if scripted is None else scripted) / 1000


def _is_header(name: str, value: str) -> bool:
    clean = (name + value).isascii() and (name + value).isprintable()
    return clean and bool(name) and not set(name) & set(": ")
