"""A completion as server-sent events, in the order in which Groq sends them."""

from typing import Any, Protocol

from simulator.answers import pieces_of
from simulator.pricing import Tokens
from simulator.reply import Part, Reply, event


class Streamable(Protocol):
    """A finished answer that can be told piece by piece."""

    @property
    def text(self) -> str:
        """The whole answer."""

    @property
    def finish_reason(self) -> str:
        """Why the answer ended: `stop` or `length`."""

    @property
    def tokens(self) -> Tokens:
        """What the answer used."""

    @property
    def usage(self) -> dict[str, Any]:
        """The same in Groq's words, with its times in seconds."""

    @property
    def head(self) -> dict[str, Any]:
        """The fields that every event repeats."""

    @property
    def request_id(self) -> str:
        """The provider's own name for the call."""

    @property
    def reasoning(self) -> str:
        """What is told before the answer, or nothing."""

    @property
    def tool_call(self) -> dict[str, Any] | None:
        """The tool that is called instead of an answer, or none."""


def stream_reply(completion: Streamable, tokens_per_second: float, *, include_usage: bool) -> Reply:
    """Tell a completion as a stream: the role, pieces of about a token, the reason it ended, its usage."""
    pause_s = 1 / tokens_per_second if tokens_per_second else 0.0
    named = {"id": completion.request_id}
    pieces = [Part(_event(completion, delta), pause_s) for delta in _deltas(completion)]
    parts = [
        Part(_event(completion, {"role": "assistant", "content": ""}, x_groq=named)),
        *pieces,
        Part(_event(completion, {}, completion.finish_reason, x_groq=named | {"usage": completion.usage})),
    ]
    if include_usage:
        parts.append(Part(event(_head(completion) | {"choices": [], "usage": completion.usage})))
    parts.append(Part(b"data: [DONE]\n\n"))
    return Reply(status=200, parts=tuple(parts), content_type="text/event-stream", tokens=completion.tokens)


def _deltas(completion: Streamable) -> list[dict[str, Any]]:
    """The answer in pieces: its reasoning, its text, and a tool's name before its arguments."""
    deltas: list[dict[str, Any]] = [{"reasoning": piece} for piece in pieces_of(completion.reasoning)]
    deltas += [{"content": piece} for piece in pieces_of(completion.text)]
    call = completion.tool_call
    if call is not None:
        function = call["function"]
        named = call | {"index": 0, "function": {"name": function["name"], "arguments": ""}}
        deltas.append({"tool_calls": [named]})
        deltas += [
            {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
            for piece in pieces_of(function["arguments"])
        ]
    return deltas


def _event(
    completion: Streamable, delta: dict[str, Any], finish_reason: str | None = None, **more: Any
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return event(_head(completion) | {"choices": [choice]} | more)


def _head(completion: Streamable) -> dict[str, Any]:
    return completion.head | {"object": "chat.completion.chunk"}
