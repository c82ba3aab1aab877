"""A reply as a value: what will be sent, in which parts, and how it ends."""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from simulator.errors import Dialect, Refusal, error_body
from simulator.pricing import Tokens

Ending = Literal["whole", "hang", "cut"]
Headers = tuple[tuple[str, str], ...]


class Part(Struct, frozen=True):
    """Bytes sent together, `pause_s` seconds after what came before."""

    body: bytes
    pause_s: float = 0.0


class Reply(Struct, frozen=True, kw_only=True):
    """One HTTP reply.

    `end` says what follows the parts: the end of the message, silence, or a lost connection; without parts
    a silent or lost reply has no headers either. `length` is the announced Content-Length in bytes, none
    for a stream. `tokens` is the usage that the reply carries, none when it carries none.
    """

    status: int
    parts: tuple[Part, ...]
    content_type: str = "application/json"
    headers: Headers = ()
    end: Ending = "whole"
    length: int | None = None
    tokens: Tokens | None = None

    @property
    def streamed(self) -> bool:
        """Whether the parts are server-sent events."""
        return self.content_type.startswith("text/event-stream")


def json_reply(payload: Any, *, status: int = 200, tokens: Tokens | None = None) -> Reply:
    """Build a reply whose body is one JSON document."""
    body = msgspec.json.encode(payload)
    return Reply(status=status, parts=(Part(body),), length=len(body), tokens=tokens)


def error_reply(refusal: Refusal, dialect: Dialect) -> Reply:
    """Build the reply that tells a refusal in the provider's shape."""
    return json_reply(error_body(refusal, dialect), status=refusal.status)


def event(payload: Any) -> bytes:
    """Encode one server-sent event whose data is a JSON document."""
    return b"data: " + msgspec.json.encode(payload) + b"\n\n"
