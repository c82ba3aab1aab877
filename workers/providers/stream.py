"""A provider's stream of chunks: read strictly, told on, and put together into an answer.

The format is that of OpenAI's streaming chat completions: server-sent events whose data are JSON chunks, then
`[DONE]`. Source: https://platform.openai.com/docs/api-reference/chat-streaming.
"""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from shared.errors import ProviderGarbage, ProviderUnavailable
from shared.wire.outcome import Usage
from workers.providers import choices
from workers.providers.wire import ErrorBody, ReplyUsage, Spoken

DONE = b"[DONE]"


class GroqExtension(Struct):
    """Where Groq tells a stream's usage when it was not asked for."""

    usage: ReplyUsage | None = None


class Chunk(Struct):
    """One event of a stream."""

    choices: list[dict[str, Any]] = []
    usage: ReplyUsage | None = None
    x_groq: GroqExtension | None = None
    system_fingerprint: str | None = None
    error: ErrorBody | None = None


_decoder = msgspec.json.Decoder(Chunk)


async def events(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The data of each server-sent event; comments and other fields are skipped."""
    rest = b""
    async for received in body:
        *lines, rest = (rest + received).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
    if rest.startswith(b"data:"):
        yield rest[5:].strip()


def decode_chunk(data: bytes) -> Chunk:
    """Read one event; raises ProviderGarbage, and ProviderUnavailable for an error in the stream."""
    try:
        chunk = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProviderGarbage("The provider's stream holds something that is not a chunk.") from error
    if chunk.error is not None:
        raise ProviderUnavailable(f"The provider broke its stream off: {chunk.error.message}")
    return chunk


class Assembly:
    """Puts chunks together."""

    def __init__(self) -> None:
        self._choices: dict[int, dict[str, Any]] = {}
        self._system_fingerprint = ""
        self.usage: Usage | None = None

    def add(self, chunk: Chunk) -> None:
        """Take one more chunk; raises ProviderGarbage for one that fits nowhere."""
        told = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        self.usage = told.usage() if told else self.usage
        self._system_fingerprint = chunk.system_fingerprint or self._system_fingerprint
        for part in chunk.choices:
            index, delta = part.get("index"), part.get("delta")
            if not isinstance(index, int) or not isinstance(delta, dict):
                raise ProviderGarbage("The provider's stream holds a choice without its place.")
            choices.check_members(delta)
            choice = self._choices.setdefault(
                index, {"index": index, "message": {"role": "assistant"}, "finish_reason": None}
            )
            _grow(choice["message"], delta)
            choice["finish_reason"] = part.get("finish_reason") or choice["finish_reason"]
            _add_logprobs(choice, part.get("logprobs"))

    def spoken(self) -> Spoken:
        """The whole answer; raises ProviderGarbage when the stream ended before it did."""
        found = [self._choices[index] for index in sorted(self._choices)]
        if not found:
            raise ProviderGarbage("The provider's stream ended without an answer.")
        choices.check(found)
        return Spoken(
            text=choices.text_of(found),
            finish_reason=found[0]["finish_reason"],
            usage=self.usage,
            choices=choices.kept(found),
            system_fingerprint=self._system_fingerprint,
        )


def _grow(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if value is None or name == "role":
            continue
        if name in choices.TEXTS:
            message[name] = message.get(name, "") + value
        elif name == "tool_calls":
            _grow_calls(message.setdefault(name, []), value)
        elif name == "function_call":
            _grow_function(message.setdefault(name, {}), value)
        else:
            message[name] = value


def _grow_calls(calls: list[dict[str, Any]], deltas: list[Any]) -> None:
    for delta in deltas:
        if not isinstance(delta.get("index"), int):
            raise ProviderGarbage("The provider's stream holds a tool call without its place.")
        position = delta["index"]
        if not 0 <= position <= len(calls):
            raise ProviderGarbage("The provider's stream leaves a tool call out.")
        if position == len(calls):
            calls.append({})
        for name, value in delta.items():
            if name in ("function", "custom") and value is not None:
                _grow_function(calls[position].setdefault(name, {}), value)
            elif name != "index" and value is not None:
                calls[position][name] = value


def _grow_function(function: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name in ("arguments", "input"):
            function[name] = function.get(name, "") + (value or "")
        elif value is not None:
            function[name] = value


def _add_logprobs(choice: dict[str, Any], logprobs: Any) -> None:
    if not isinstance(logprobs, dict):
        return
    kept = choice.setdefault("logprobs", {})
    for name, tokens in logprobs.items():
        if isinstance(tokens, list):
            kept[name] = (kept.get(name) or []) + tokens
        else:
            kept.setdefault(name, tokens)
