"""The HTTP/1.1 connection: uvicorn's on httptools, with bounds on its number, its headers and their time.

What cannot be parsed gets the one error shape as well. Nobody rests on a connection without a request for
longer than the read deadline before the first, and the keep-alive time after one (RFC 9112, section 9.5).
"""

import asyncio
import fcntl
import sys
import termios
from typing import Any

import msgspec
from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ingress.problems import MEDIA_TYPE, problem, problem_headers
from shared import metrics
from shared.errors import BadRequest, HeadersTooLarge, SentinelError, TooManyConnections

UNREAD_S = 0.1
"""How long a last request, which is here already, may take to be read and refused."""


class Bounds(Struct, frozen=True, kw_only=True):
    """What one process takes of connections, and of each of them."""

    connections_max: int
    header_max_bytes: int
    read_s: float


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, bounds: Bounds, **options: Any) -> None:
        super().__init__(**options)
        self._bounds = bounds
        # Bytes of the headers that came in packets after their first; None between two requests' headers.
        self._head: int | None = None
        self._due: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection while there is room, and wait for its first request."""
        super().connection_made(transport)
        if len(self.connections) > self._bounds.connections_max:
            self._refuse(TooManyConnections("As many connections are open here as may be.", retry_after_s=1))
        else:
            self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self._stop_waiting_for_headers()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Close, unless a request is under way; one that has arrived and not been read is answered first.

        Its caller cannot know whether it was begun, and would be cut off (RFC 9112, section 9.6).
        """
        if self._is_idle() and (self._head is not None or self._has_unread()):
            self.loop.call_later(UNREAD_S, super().shutdown)
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Read on, unless it was refused."""
        if self._refused:
            return
        had_begun = self._head is not None
        super().data_received(data)
        if self._head is not None and had_begun:
            self._head += len(data)
            self._check_size(self._head)
        if self._is_between_requests():
            # Empty lines end uvicorn's keep-alive time and begin nothing.
            self._wait_for_headers()

    def on_message_begin(self) -> None:
        """Begin to count, and to wait for the end of the headers."""
        super().on_message_begin()
        self._head = 0
        self._wait_for_headers()

    def on_headers_complete(self) -> None:
        """Start the request, unless its headers are too large."""
        self._head = None
        self._stop_waiting_for_headers()
        self._check_size(len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers))
        if not self._refused:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body, unless its request was refused."""
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request, unless it was refused."""
        if not self._refused:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed."""
        self._refuse(BadRequest(f"{msg} It is not HTTP/1.1."))

    def _has_unread(self) -> bool:
        connection = self.transport.get_extra_info("socket")
        if connection is None or connection.fileno() < 0:
            return False
        count = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder) > 0

    def _check_size(self, size: int) -> None:
        if size > self._bounds.header_max_bytes:
            self._refuse(HeadersTooLarge(f"Headers may have {self._bounds.header_max_bytes} bytes."))

    def _is_between_requests(self) -> bool:
        return self._is_idle() and self._head is None and self.timeout_keep_alive_task is None

    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _wait_for_headers(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(self._bounds.read_s, self._give_up_on_headers)

    def _stop_waiting_for_headers(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _give_up_on_headers(self) -> None:
        self._due = None
        if self._head is not None or self._is_between_requests():
            metrics.connections_closed.labels("slow").inc()
            self._refused = True
            self.transport.close()

    def _refuse(self, error: SentinelError) -> None:
        """Say why, if nobody else is writing, and close."""
        if self._refused:
            return
        self._refused = True
        metrics.connections_closed.labels(error.code).inc()
        if self._is_idle() or not (self.cycle.response_started or self.pipeline):
            self.transport.write(_response(error))
            if not self._is_idle():
                # Whoever is at work on it has nobody to answer any more.
                self.cycle.disconnected = True
                self.cycle.message_event.set()
        self.transport.close()


def _response(error: SentinelError) -> bytes:
    body = msgspec.json.encode(problem(error, instance="", request_id=""))
    headers = {
        "content-type": MEDIA_TYPE,
        "content-length": str(len(body)),
        **problem_headers(error),
        "connection": "close",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return STATUS_LINE[error.status] + lines.encode() + b"\r\n" + body
