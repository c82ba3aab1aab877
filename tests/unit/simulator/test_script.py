"""Which rule a call meets."""

import random
from typing import Any

import msgspec
import pytest

from simulator.script import Call, Match, Rule, Script, first_match, latency_s, matches

CALL = Call("/openai/v1/chat/completions", "openai/gpt-oss-20b", "Why is the sky blue?")


@pytest.mark.parametrize(
    ("match", "expected"),
    [
        (Match(), True),
        (Match(path="/v1/chat/completions"), True),
        (Match(path="/embeddings"), False),
        (Match(model="openai/gpt-oss-20b"), True),
        (Match(model="gpt-oss-20b"), False),
        (Match(contains="sky"), True),
        (Match(contains="Sky"), False),
        (Match(contains="sky", model="other"), False),
    ],
)
def test_a_match_is_all_of_its_fields(match: Match, *, expected: bool) -> None:
    """An absent field may be anything; a path is its end."""
    assert matches(match, CALL) is expected


def test_the_first_matching_rule_applies_until_its_turns_are_spent() -> None:
    """The next rule takes over afterwards, and then nothing does."""
    script = Script([Rule(times=2, fault="hang"), Rule(times=1, fault="close")])
    met = [script.next_rule(CALL, random.Random(0)) for _ in range(4)]
    assert [rule.fault if rule else None for rule in met] == ["hang", "hang", "close", None]
    assert script.applied == [2, 1]


def test_chance_is_seeded() -> None:
    """The same seed meets the same luck, about as often as it should."""
    rules = [Rule(chance=0.25)]

    def lucky(seed: int) -> list[int | None]:
        draws = random.Random(seed)
        return [first_match(rules, [0], CALL, draws) for _ in range(1_000)]

    assert lucky(7) == lucky(7)
    assert 200 < lucky(7).count(0) < 300


def test_latency_is_scripted_drawn_or_the_default() -> None:
    """Seconds come out of milliseconds."""
    assert latency_s(None, 50, random.Random(0)) == 0.05
    assert latency_s(Rule(), 50, random.Random(0)) == 0.05
    assert latency_s(Rule(latency_ms=0), 50, random.Random(0)) == 0
    drawn = latency_s(Rule(latency_ms=(100, 200)), 50, random.Random(3))
    assert 0.1 <= drawn <= 0.2
    assert drawn == latency_s(Rule(latency_ms=(100, 200)), 50, random.Random(3))


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "explode"},
        {"fault": "status:200"},
        {"fault": "status:9999"},
        {"fault": "status:"},
        {"times": 0},
        {"chance": 1.5},
        {"latency_ms": [2, 1]},
        {"latency_ms": -1},
        {"match": {"colour": "red"}},
        {"surprise": True},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
    ],
)
def test_a_rule_that_means_nothing_is_refused(rule: dict[str, Any]) -> None:
    """A typing error must not silently script nothing."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(rule), type=Rule)
