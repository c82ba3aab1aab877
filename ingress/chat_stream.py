"""An answer as OpenAI's clients read it while it is made: the events of a stream of chunks; pure.

What was told is compared with the answer at the end: the rest of it follows, whichever way it was made, and a
stream that does not fit (a second provider said something else) ends with an error instead of half an answer.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from ingress.chat_view import choices_of, completion_id, created_of, sentinel_of, usage_of
from ingress.views import JobView
from shared.wire.outcome import Answer

DONE = b"data: [DONE]\n\n"
HEARTBEAT = b": still there\n\n"
TEXTS = ("content", "reasoning", "reasoning_content", "refusal")


class Interrupted(Exception):
    """What was told is not the beginning of the answer."""


class ChatStream:
    """The stream of one caller; all callers of a flight are sent the same bytes."""

    def __init__(self, job_id: str, model: str) -> None:
        self._head = {
            "id": completion_id(job_id),
            "object": "chat.completion.chunk",
            "created": created_of(job_id),
            "model": model,
        }
        self._opening = msgspec.json.encode(self._head)[:-1] + b',"choices":'
        self._told: dict[tuple[Any, ...], str] = {}
        self._told_logprobs: dict[tuple[int, str], int] = {}
        self._began = False

    def tell(self, choices: bytes) -> bytes:
        """Send an event of the job's tokens on."""
        for choice in msgspec.json.decode(choices):
            for place, text in _texts(choice["index"], choice["delta"]):
                self._told[place] = self._told.get(place, "") + text
            for name, tokens in _lists(choice.get("logprobs")):
                place = choice["index"], name
                self._told_logprobs[place] = self._told_logprobs.get(place, 0) + len(tokens)
        return self._begun() + b"data: " + self._opening + choices + b"}\n\n"

    def end(self, answer: Answer, job: JobView, *, include_usage: bool) -> bytes:
        """Send the rest of an answer, why it ended, and what it took; raises Interrupted."""
        choices = choices_of(answer)
        parts = [self._begun()]
        for choice in choices:
            parts += [self._chunk([{"index": choice["index"], **part}]) for part in self._parts(choice)]
        ended = [{"index": c["index"], "delta": {}, "finish_reason": c["finish_reason"]} for c in choices]
        told = {"sentinel": sentinel_of(job)}
        made_by = {"system_fingerprint": answer.system_fingerprint} if answer.system_fingerprint else {}
        parts.append(self._chunk(ended, **made_by, **({} if include_usage else told)))
        if include_usage:
            parts.append(self._chunk([], usage=usage_of(answer.usage), **told))
        return b"".join([*parts, DONE])

    def _begun(self) -> bytes:
        if self._began:
            return b""
        self._began = True
        return self._chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}}])

    def _chunk(self, choices: list[dict[str, Any]], **more: Any) -> bytes:
        whole = [{"finish_reason": None, **choice} for choice in choices]
        return b"data: " + msgspec.json.encode({**self._head, "choices": whole, **more}) + b"\n\n"

    def _parts(self, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What is missing of a choice; log probabilities go with the first of its deltas."""
        index = choice["index"]
        rest = {
            name: tokens[self._told_logprobs.get((index, name), 0) :]
            for name, tokens in _lists(choice.get("logprobs"))
        }
        logprobs = {"logprobs": rest} if any(rest.values()) else {}
        for delta in self._rest(choice):
            yield {"delta": delta, **logprobs}
            logprobs = {}
        if logprobs:
            yield {"delta": {}, **logprobs}

    def _rest(self, choice: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """The deltas that are missing of a choice."""
        index, message = choice["index"], choice["message"]
        if index != 0 and not any(place[0] == index for place in self._told):
            yield {"role": "assistant"}
        for name in TEXTS:
            rest = self._missing((index, name), message.get(name) or "")
            if rest:
                yield {name: rest}
        for position, call in enumerate(message.get("tool_calls") or ()):
            function = call.get("function", {})
            place = (index, "tool_calls", position)
            known = place in self._told
            rest = self._missing(place, function.get("arguments") or "")
            if not known:
                yield {"tool_calls": [{"index": position, **call}]}
            elif rest:
                yield {"tool_calls": [{"index": position, "function": {"arguments": rest}}]}
        others = {
            name: value
            for name, value in message.items()
            if name not in (*TEXTS, "role", "tool_calls") and value is not None
        }
        if others and (index, "others") not in self._told:
            yield others

    def _missing(self, place: tuple[Any, ...], text: str) -> str:
        told = self._told.get(place, "")
        if not text.startswith(told):
            raise Interrupted
        return text[len(told) :]


def error_event(problem: bytes) -> bytes:
    """A failure after the stream has begun; `problem` is the JSON of an error."""
    return b"data: " + problem + b"\n\n"


def _lists(logprobs: dict[str, Any] | None) -> Iterator[tuple[str, list[Any]]]:
    for name, tokens in (logprobs or {}).items():
        if isinstance(tokens, list):
            yield name, tokens


def _texts(index: int, delta: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], str]]:
    for name, value in delta.items():
        if name in TEXTS and isinstance(value, str):
            yield (index, name), value
        elif name == "tool_calls":
            for call in value:
                yield (index, name, call["index"]), call.get("function", {}).get("arguments") or ""
        else:
            yield (index, "role" if name == "role" else "others"), ""
