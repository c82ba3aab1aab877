"""Which headers of a request the shortcut understands, and which it leaves to the long way; pure."""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from shared import traceparent

JSON: Final = b"application/json"
_READ: Final = {
    b"x-api-key": 0,
    b"authorization": 1,
    b"prefer": 2,
    b"cache-control": 3,
    b"x-request-id": 4,
    b"accept": 5,
    b"content-type": 6,
    traceparent.HEADER.encode(): 7,
}
_ELSEWHERE: Final = dict.fromkeys(
    (
        *(b"idempotency-key", b"expect", b"upgrade", b"content-encoding", b"transfer-encoding"),
        b"last-event-id",
    ),
    -1,
)
"""What only the long way understands. A header that a route begins to read belongs here, or above."""
_PLACES: Final = _READ | _ELSEWHERE


class Said(Struct, frozen=True):
    """What the headers say; empty where they say nothing."""

    api_key: bytes
    authorization: bytes
    prefer: bytes
    cache_control: bytes
    request_id: bytes
    traceparent: bytes


def read(headers: Iterable[tuple[bytes, bytes]]) -> Said | None:
    """Read a request's headers; None for what the long way must deal with.

    Names are lower case. A header that comes twice is nothing to be guessed about.
    """
    found: list[bytes | None] = [None] * len(_READ)
    for name, value in headers:
        place = _PLACES.get(name)
        if place is None:
            continue
        if place < 0 or found[place] is not None:
            return None
        found[place] = value
    api_key, authorization, prefer, cache_control, request_id, accept, content_type, trace = found
    if content_type is None or content_type.partition(b";")[0] != JSON or (accept and b"event" in accept):
        return None
    asked_by = (api_key or b"", authorization or b"")
    return Said(*asked_by, prefer or b"", cache_control or b"", request_id or b"", trace or b"")
