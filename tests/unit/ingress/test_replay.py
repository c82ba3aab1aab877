"""Stored answers as streams: at a pace, and at once when there is no more time."""

import asyncio

import msgspec
import pytest

from ingress.replay import paced
from ingress.views import JobView
from shared.wire.outcome import Answer, Usage

pytestmark = [pytest.mark.unit, pytest.mark.anyio]
JOB = JobView(id="fp.1795532191350298", status="completed", model="m", created_at=1)
TEXT = "A stored answer, said word by word."
ANSWER = Answer(
    text=TEXT, finish_reason="stop", model="m", provider="p", usage=Usage(3, 4), cost=7, created_at_ms=1_000
)


def content(sent: list[bytes]) -> list[str]:
    """The text of each chunk that has some."""
    events = [event for part in sent for event in part.split(b"\n\n") if event.startswith(b"data: {")]
    chunks = [msgspec.json.decode(event[6:]) for event in events]
    texts = [choice["delta"].get("content") for chunk in chunks for choice in chunk["choices"]]
    return [text for text in texts if text]


async def test_a_paced_replay_says_the_words_one_by_one_and_ends_as_any_stream() -> None:
    """The same text, in several chunks, then the end."""
    never = asyncio.create_task(asyncio.Event().wait())
    told = paced(ANSWER, JOB, include_usage=True, per_s=100_000, hurry=never)  # type: ignore[arg-type]
    sent = [part async for part in told]
    never.cancel()
    assert "".join(content(sent)) == TEXT
    assert len(content(sent)) == len(TEXT.split())
    assert sent[-1].endswith(b"data: [DONE]\n\n")


async def test_a_process_that_stops_sends_the_rest_at_once() -> None:
    """At the pace that was asked for it would take an hour."""
    over = asyncio.create_task(asyncio.sleep(0))
    await over
    sent = [part async for part in paced(ANSWER, JOB, include_usage=False, per_s=0.001, hurry=over)]
    assert content(sent) == [TEXT]
