"""A stored answer as a stream, as fast as its reader wants it."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import msgspec

from ingress.chat_stream import ChatStream
from ingress.chat_view import choices_of
from ingress.views import JobView
from shared.wire.outcome import Answer

CHARACTERS_PER_TOKEN = 4
"""About what English has."""
PACED = ("reasoning", "reasoning_content", "content")
"""What is told in pieces, in the order in which models say it; the rest follows in one."""
_WORD = re.compile(r"\s*\S+\s*|\s+")


async def paced(
    answer: Answer, job: JobView, *, include_usage: bool, per_s: float, hurry: "asyncio.Task[None]"
) -> AsyncIterator[bytes]:
    """Stream an answer at `per_s` tokens a second, and the rest of it at once when `hurry` is done."""
    stream = ChatStream(job.id, answer.model)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for event, characters in _pieces(answer):
        if hurry.done():
            break
        yield stream.tell(event)
        due += characters / CHARACTERS_PER_TOKEN / per_s
        await asyncio.wait({hurry}, timeout=max(0.0, due - loop.time()))
    yield stream.end(answer, job, include_usage=include_usage)


def _pieces(answer: Answer) -> Iterator[tuple[bytes, int]]:
    """Each choice's texts word by word, as events of tokens, with their lengths in characters."""
    for choice in choices_of(answer):
        if choice["index"] != 0:
            opening = {"index": choice["index"], "delta": {"role": "assistant"}, "finish_reason": None}
            yield msgspec.json.encode([opening]), 0
        for name in PACED:
            for word in _WORD.findall(choice["message"].get(name) or ""):
                told = {"index": choice["index"], "delta": {name: word}, "finish_reason": None}
                yield msgspec.json.encode([told]), len(word)
