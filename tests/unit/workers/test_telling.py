"""Tokens are told once each, gathered, and never twice after a new beginning."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.tokens import Verdict, is_verdict
from shared.wire.outcome import Match
from workers.leases import LeaseLost
from workers.telling import PAUSE_S, Telling, text_event

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


class Stream:
    """Where tokens are told to."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.mine = True
        self.away = False

    async def append(self, events: Sequence[bytes]) -> bool:
        """Take them, or be away."""
        if self.away:
            raise RedisConnectionError
        if self.mine:
            self.events += events
        return self.mine

    @property
    def text(self) -> str:
        """Everything said, as a reader puts it together."""
        return "".join(
            choice["delta"].get("content", "")
            for event in self.events
            for choice in msgspec.json.decode(event)
        )


def chunk(text: str | None = None, index: int = 0, **delta: Any) -> list[dict[str, Any]]:
    """A chunk's choices."""
    said = delta if text is None else {"content": text, **delta}
    return [{"index": index, "delta": said, "logprobs": None, "finish_reason": None}]


async def test_the_first_token_is_told_at_once_and_those_that_follow_together() -> None:
    """A reader waits for nothing, and Redis is not asked for every token."""
    stream = Stream()
    telling = Telling(stream.append)
    telling.begin()
    await telling.hear(chunk("a"))
    assert stream.text == "a"
    for piece in "bcdefgh":
        await telling.hear(chunk(piece))
    await telling.end()
    assert stream.text == "abcdefgh"
    assert len(stream.events) == 2


async def test_a_token_is_not_held_back_when_none_follows() -> None:
    """A timer tells it."""
    stream = Stream()
    telling = Telling(stream.append)
    await telling.hear(chunk("a"))
    await telling.hear(chunk("b"))
    async with asyncio.timeout(50 * PAUSE_S):
        while stream.text != "ab":  # noqa: ASYNC110 - the timer is the product's own
            await asyncio.sleep(PAUSE_S / 4)


@pytest.mark.parametrize("pieces", [["ab", "cd", "ef"], ["abcdef"], list("abcdef"), ["a", "bcde", "f"]])
async def test_a_new_attempt_that_says_the_same_goes_on_where_the_last_one_stopped(pieces: list[str]) -> None:
    """However it is cut into pieces."""
    stream = Stream()
    stream.events = [text_event("ab"), text_event("c")]
    telling = Telling(stream.append, list(stream.events))
    telling.begin()
    for piece in pieces:
        await telling.hear(chunk(piece))
    await telling.end()
    assert stream.text == "abcdef"


async def test_a_new_attempt_that_says_something_else_is_silent() -> None:
    """Half of one answer and half of another is none."""
    stream = Stream()
    stream.events = [text_event("abc")]
    telling = Telling(stream.append, list(stream.events))
    telling.begin()
    for piece in ("ab", "X", "c", "d"):
        await telling.hear(chunk(piece))
    await telling.end()
    assert stream.text == "abc"


async def test_a_retry_within_the_attempt_repeats_nothing_either() -> None:
    """The second call of one lease."""
    stream = Stream()
    telling = Telling(stream.append)
    for pieces in (["ab", "cd"], ["abc", "def"]):
        telling.begin()
        for piece in pieces:
            await telling.hear(chunk(piece))
    await telling.end()
    assert stream.text == "abcdef"


async def test_tool_calls_and_reasoning_are_told_whole_and_once() -> None:
    """They keep their order among the texts."""
    stream = Stream()
    call: dict[str, Any] = {
        "tool_calls": [{"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}]
    }
    said = [chunk(reasoning="why"), chunk("a"), chunk(**call), chunk("b"), chunk("B", index=1)]
    telling = Telling(stream.append)
    for _ in range(2):
        telling.begin()
        for one in said:
            await telling.hear(one)
    await telling.end()
    told = [msgspec.json.decode(event)[0] for event in stream.events]
    assert [one["delta"] for one in told] == [
        {"reasoning": "why"},
        {"content": "a"},
        call,
        {"content": "b"},
        {"content": "B"},
    ]
    assert told[-1]["index"] == 1


async def test_whoever_lost_its_lease_tells_nothing_and_stops() -> None:
    """The fence says so."""
    stream = Stream()
    stream.mine = False
    telling = Telling(stream.append)
    with pytest.raises(LeaseLost):
        await telling.hear(chunk("a"))
    assert stream.events == []


async def test_what_could_not_be_told_is_told_later() -> None:
    """Redis was away for a moment; the call goes on."""
    stream = Stream()
    stream.away = True
    telling = Telling(stream.append)
    await telling.hear(chunk("a"))
    stream.away = False
    await telling.hear(chunk("b"))
    await telling.end()
    assert stream.text == "ab"


async def test_the_verdict_on_the_cache_is_told_once_and_before_the_tokens() -> None:
    """Also when the job begins anew: its readers know it already."""
    stream = Stream()
    telling = Telling(stream.append)
    telling.judge(Match(similarity=0.5, threshold=0.8, entry_id="near"))
    telling.begin()
    await telling.hear(chunk("a"))
    await telling.end()
    verdict, said = stream.events
    assert is_verdict(verdict)
    assert msgspec.json.decode(verdict, type=Verdict).match == Match(
        similarity=0.5, threshold=0.8, entry_id="near"
    )
    assert not is_verdict(said)
    again = Telling(stream.append, list(stream.events))
    again.judge(None)
    again.begin()
    await again.hear(chunk("ab"))
    await again.end()
    assert stream.events[2:] == [text_event("b")]
