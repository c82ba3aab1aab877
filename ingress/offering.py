"""uvicorn's protocol, with one more step: a request that is here in whole is first offered to the shortcut.

The framework is then not started, no task is made, and the answer is one write. This leans on names inside
uvicorn, which is pinned; decision 8 says why and what would end it.
"""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ingress.exchange import LOOKED_KEY, Looked
from ingress.protocol import BoundedProtocol, Bounds
from ingress.shortcut.path import Shortcut
from ingress.shortcut.recipes import BODY_MAX
from ingress.shortcut.repeats import is_one

OK: Final = b"HTTP/1.1 200 OK\r\n"
BODY_S: Final = 0.05
"""How long a body may take that is waited for here: it left its caller together with the headers."""


class Whole:
    """A request that has arrived in whole."""

    __slots__ = ("_app", "_cycle", "_protocol", "body", "scope")

    def __init__(self, protocol: "OfferingProtocol", cycle: RequestResponseCycle, app: Any) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._app = app
        self.scope: Any = cycle.scope
        self.body = bytes(cycle.body)

    @property
    def data(self) -> bytes:
        """Its very bytes, when they came alone, in one piece, and just now; else b''."""
        chunk = self._protocol.chunk
        return chunk if chunk and is_one(chunk, self.body) else b""

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer 200 with these header lines and this body; nothing happens when the caller has gone."""
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.transport.write(b"%b%b%b\r\n%b" % (OK, self._protocol.standing_lines(), head, body))
        if not cycle.keep_alive:
            # The server has begun to stop meanwhile.
            cycle.transport.close()
        cycle.on_response()

    def pass_on(self, looked: Looked | None) -> None:
        """Send it the long way, with what is known already."""
        if looked is not None:
            self.scope[LOOKED_KEY] = looked
        self._protocol.start(self._cycle, self._app)


class OfferingProtocol(BoundedProtocol):
    """One connection."""

    def __init__(self, shortcut: Shortcut, bounds: Bounds, **options: Any) -> None:
        super().__init__(bounds, **options)
        self._shortcut = shortcut
        self._standing: tuple[Any, bytes] = (None, b"")
        self._waiting: tuple[RequestResponseCycle, Any] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self.chunk = b""
        """What is being read just now, when it began between two requests."""

    def start(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start the framework."""
        super()._start_asgi_task(cycle, app)

    def standing_lines(self) -> bytes:
        """The headers of every response, like Date; uvicorn makes a new list of them every second."""
        headers = self.server_state.default_headers
        if self._standing[0] is not headers:
            self._standing = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._standing[1]

    def data_received(self, data: bytes) -> None:
        """Read on; a body that does not come soon is the framework's to wait for."""
        super().data_received(data)
        if self._waiting is not None and self._patience is None:
            self._patience = self.loop.call_later(BODY_S, self._give_up)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; a large one is the framework's from here on."""
        super().on_body(body)
        if self._waiting is not None and len(self._waiting[0].body) > BODY_MAX:
            self._give_up()

    def on_message_complete(self) -> None:
        """Offer the request that is now here in whole."""
        super().on_message_complete()
        if self._waiting is not None and self._waiting[0] is self.cycle:
            self._offer(*self._stop_waiting())

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a request that never came in whole."""
        if self._waiting is not None:
            self._stop_waiting()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if self._waiting is not None or not self._shortcut.may_take(cycle.scope):
            self.start(cycle, app)
        elif cycle.more_body:
            # Clients often send a body in a packet of its own.
            self._waiting = cycle, app
        else:
            self._offer(cycle, app)

    def _stop_waiting(self) -> tuple[RequestResponseCycle, Any]:
        assert self._waiting is not None  # noqa: S101 - every caller has looked
        waiting, self._waiting = self._waiting, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        return waiting

    def _give_up(self) -> None:
        self.start(*self._stop_waiting())

    def _offer(self, cycle: RequestResponseCycle, app: Any) -> None:
        plain = cycle.keep_alive and not cycle.waiting_for_100_continue and not self.flow.write_paused
        if not plain or not self._taken(cycle, app):
            self.start(cycle, app)

    def _taken(self, cycle: RequestResponseCycle, app: Any) -> bool:
        try:
            return self._shortcut.take(Whole(self, cycle, app))
        except Exception:
            # Whatever broke in a shortcut, the long way is open.
            self.logger.exception("the shortcut broke")
            return False
