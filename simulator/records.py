"""What is kept of a call, at its arrival and at its end."""

from typing import Literal

from msgspec import Struct

from simulator.pricing import Tokens


class Arrival(Struct, frozen=True, kw_only=True):
    """What is known of a call when it arrives; digests are hex, and the key itself is never kept."""

    path: str
    model: str | None
    stream: bool
    key_digest: str | None
    request_digest: str
    question: str
    call_id: str = ""
    """What the caller named the call in `X-Request-ID`."""
    traceparent: str = ""
    """The trace that it belongs to, as the caller said."""


class Finish(Struct, frozen=True, kw_only=True):
    """How a call ended.

    `status` is the HTTP status sent, 499 when the client left first, none when nothing was sent;
    `completed` says that the client was still there for the last byte of a reply that ended as announced.
    """

    status: int | None
    fault: str | None
    completed: bool
    usage: Tokens | None
    cost_picodollars: int


class BilledCall(Struct, frozen=True, kw_only=True):
    """One call on the bill; `completed` says that its client got the whole reply."""

    seq: int
    call_id: str
    path: str
    model: str | None
    completed: bool
    usage: Tokens
    picodollars: int


class CallRecord(Struct, frozen=True, kw_only=True):
    """One call in one phase; times are Unix seconds, and `at` is when this phase was written."""

    phase: Literal["arrived", "finished"]
    run: str
    seq: int
    at: float
    path: str
    model: str | None
    stream: bool
    key_digest: str | None
    request_digest: str
    question: str
    started_at: float
    finished_at: float | None = None
    status: int | None = None
    fault: str | None = None
    completed: bool = False
    usage: Tokens | None = None
    cost_picodollars: int = 0
    call_id: str = ""
    traceparent: str = ""
