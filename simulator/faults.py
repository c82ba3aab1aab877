"""Faults as changes to a good reply, decided purely and played back by the transport."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from simulator.errors import Dialect, scripted_refusal
from simulator.reply import Part, Reply, error_reply, event, json_reply
from simulator.script import Rule

_JSON_SLICES = 16
_PADDING = b" " * 65_536
_GARBAGE = b"\x00\xff<html>[simulated] garbage"
_DONE = b"data: [DONE]"


def spoil(reply: Reply, rule: Rule, dialect: Dialect) -> Reply:
    """Change a good reply as a rule's fault and headers say.

    A fault that keeps usage from the client keeps it from the bill too: such a reply has no `tokens`.
    """
    status = rule.fault_status
    if status is not None:
        reply = error_reply(scripted_refusal(status), dialect)
    elif rule.fault is not None:
        reply = _FAULTS[rule.fault](reply, rule)
    scripted = tuple((name.lower(), value) for name, value in rule.headers.items())
    if rule.retry_after_s is not None:
        scripted += (("retry-after", f"{rule.retry_after_s:g}"),)
    return replace(reply, headers=reply.headers + scripted)


def sliced(reply: Reply) -> tuple[Part, ...]:
    """List a reply's parts: a stream's events, or sixteen slices of a document."""
    if reply.streamed:
        return reply.parts
    body = b"".join(part.body for part in reply.parts)
    size = -(-len(body) // _JSON_SLICES)
    return tuple(Part(body[start : start + size]) for start in range(0, len(body), size))


def _hang(reply: Reply, rule: Rule) -> Reply:
    return replace(reply, parts=sliced(reply)[: rule.after_parts or 0], end="hang", tokens=None)


def _close(reply: Reply, rule: Rule) -> Reply:
    parts = sliced(reply)
    default = len(parts) // 2 if reply.streamed else 0
    kept = default if rule.after_parts is None else rule.after_parts
    return replace(reply, parts=parts[:kept], end="cut", tokens=None)


def _truncate(reply: Reply, rule: Rule) -> Reply:
    parts = _first_parts(reply, rule)
    return replace(reply, parts=parts, length=_length(reply, parts), tokens=None)


def _stream_error(reply: Reply, rule: Rule) -> Reply:
    error = {
        "error": {
            "message": "[simulated] the stream broke",
            "type": "internal_server_error",
            "code": "stream_error",
        }
    }
    if not reply.streamed:
        return json_reply(error)
    return replace(reply, parts=(*_first_parts(reply, rule), Part(event(error))), tokens=None)


def _first_parts(reply: Reply, rule: Rule) -> tuple[Part, ...]:
    parts = sliced(reply)
    return parts[: len(parts) // 2 if rule.after_parts is None else rule.after_parts]


def _drip(reply: Reply, rule: Rule) -> Reply:
    slow = tuple(Part(part.body, rule.pause_ms / 1000) for part in sliced(reply))
    return replace(reply, parts=slow)


def _oversize(reply: Reply, rule: Rule) -> Reply:
    # White space before a document is legal JSON, so only a reader's own limit can stop it.
    filler = reply.parts[1] if reply.streamed and len(reply.parts) > 1 else Part(_PADDING)
    count = -(-rule.size_bytes // len(filler.body))
    repeated = (Part(filler.body),) * count
    parts = (reply.parts[0], *repeated, *reply.parts[1:]) if reply.streamed else (*repeated, *reply.parts)
    return replace(reply, parts=parts, length=_length(reply, parts))


def _garbage(reply: Reply, rule: Rule) -> Reply:
    del rule
    body = b"data: " + _GARBAGE + b"\n\n" if reply.streamed else _GARBAGE
    parts = (Part(body),)
    return replace(reply, parts=parts, length=_length(reply, parts), tokens=None)


def _wrong_schema(reply: Reply, rule: Rule) -> Reply:
    del rule
    wrong = {"object": 7, "model": [], "choices": "none", "data": "none", "usage": "free"}
    body = event(wrong) if reply.streamed else msgspec.json.encode(wrong)
    parts = (Part(body), Part(_DONE + b"\n\n")) if reply.streamed else (Part(body),)
    return replace(reply, parts=parts, length=_length(reply, parts), tokens=None)


def _empty_choice(reply: Reply, rule: Rule) -> Reply:
    del rule
    return _rewritten(reply, _without_text)


def _no_choices(reply: Reply, rule: Rule) -> Reply:
    del rule
    return _rewritten(reply, _without_choices)


def _rewritten(reply: Reply, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Reply:
    parts = tuple(_rewritten_part(part, edit, streamed=reply.streamed) for part in reply.parts)
    return replace(reply, parts=parts, length=_length(reply, parts))


def _rewritten_part(part: Part, edit: Callable[[dict[str, Any]], dict[str, Any]], *, streamed: bool) -> Part:
    if part.body.startswith(_DONE):
        return part
    payload = edit(msgspec.json.decode(part.body.removeprefix(b"data: ")))
    return replace(part, body=event(payload) if streamed else msgspec.json.encode(payload))


def _without_text(payload: dict[str, Any]) -> dict[str, Any]:
    for choice in payload.get("choices", ()):
        said = choice.get("message") or choice.get("delta") or {}
        if "content" in said:
            said["content"] = ""
    for item in payload.get("data", ()):
        item["embedding"] = []
    return payload


def _without_choices(payload: dict[str, Any]) -> dict[str, Any]:
    return payload | {name: [] for name in ("choices", "data") if name in payload}


def _length(reply: Reply, parts: tuple[Part, ...]) -> int | None:
    return None if reply.streamed else sum(len(part.body) for part in parts)


_FAULTS: dict[str, Callable[[Reply, Rule], Reply]] = {
    "close": _close,
    "drip": _drip,
    "empty_choice": _empty_choice,
    "garbage": _garbage,
    "hang": _hang,
    "no_choices": _no_choices,
    "oversize": _oversize,
    "stream_error": _stream_error,
    "truncate": _truncate,
    "wrong_schema": _wrong_schema,
}
