"""A provider's stream, put together."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from shared.errors import ProviderGarbage, ProviderUnavailable
from workers.providers.stream import Assembly, decode_chunk, events

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """Bytes as they arrive."""
    for part in parts:
        yield part


def assembled(*chunks: dict[str, Any]) -> Assembly:
    """All chunks together."""
    assembly = Assembly()
    for chunk in chunks:
        assembly.add(decode_chunk(msgspec.json.encode(chunk)))
    return assembly


def delta(index: int = 0, finish_reason: str | None = None, **said: Any) -> dict[str, Any]:
    """A chunk with one delta."""
    return {"choices": [{"index": index, "delta": said, "finish_reason": finish_reason}]}


@pytest.mark.parametrize(
    "cut",
    [
        [b': hello\n\nevent: x\ndata: {"a"', b":1}\r\n\r\nda", b"ta:2\n\n", b"data: [DONE]\n\n"],
        [b': hello\n\nevent: x\ndata: {"a":1}\r\n\r\ndata:2\n\ndata: [DONE]'],
    ],
)
async def test_events_are_found_however_the_bytes_arrive(cut: Sequence[bytes]) -> None:
    """Comments, other fields, both line ends, and no line end at all."""
    assert [event async for event in events(pieces(*cut))] == [b'{"a":1}', b"2", b"[DONE]"]


def test_texts_calls_and_usage_grow_into_one_answer() -> None:
    """As the whole document would have had it."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}
    spoken = assembled(
        delta(role="assistant", content=""),
        delta(reasoning="be"),
        delta(reasoning="cause"),
        delta(tool_calls=[call]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": '{"x"'}}]),
        delta(tool_calls=[{"index": 0, "function": {"arguments": ":1}"}}]),
        delta(finish_reason="tool_calls"),
        {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    ).spoken()
    [choice] = msgspec.json.decode(spoken.choices)
    assert choice["message"]["reasoning"] == "because"
    assert choice["message"]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    ]
    assert (spoken.finish_reason, spoken.text) == ("tool_calls", "")
    assert spoken.usage is not None
    assert (spoken.usage.input_tokens, spoken.usage.output_tokens) == (3, 4)


def test_several_choices_keep_apart() -> None:
    """In the order of their places."""
    spoken = assembled(
        delta(1, content="B"), delta(0, content="A"), delta(0, "stop"), delta(1, "length", content="b")
    ).spoken()
    texts = [choice["message"]["content"] for choice in msgspec.json.decode(spoken.choices)]
    assert texts == ["A", "Bb"]


def test_groq_tells_usage_in_its_own_place() -> None:
    """Also to those who did not ask."""
    groq = {"x_groq": {"usage": {"prompt_tokens": 1, "completion_tokens": 2}}}
    assert assembled(delta(content="x"), delta(finish_reason="stop") | groq).usage is not None


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [delta(content="half")],
        [delta(finish_reason="stop")],
        [delta(content="A"), delta(0, "stop"), delta(1, content="B")],
    ],
)
def test_a_stream_that_ends_early_is_no_answer(chunks: list[dict[str, Any]]) -> None:
    """Nor is one without a text."""
    with pytest.raises(ProviderGarbage):
        assembled(*chunks).spoken()


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"<html>", ProviderGarbage),
        (b'{"choices":"none"}', ProviderGarbage),
        (b"\xff", ProviderGarbage),
        (b'{"error":{"message":"overloaded"}}', ProviderUnavailable),
    ],
)
def test_what_is_no_chunk_breaks_the_call(data: bytes, error: type[Exception]) -> None:
    """An error in the stream is the provider's failure."""
    with pytest.raises(error):
        decode_chunk(data)
