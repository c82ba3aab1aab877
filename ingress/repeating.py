"""The connection that knows a request again by its bytes: it is answered without a parser.

The parser never sees such a request, so it is taken only between two others and when it is all that has
come; whatever comes before its answer waits. What cannot be answered from here goes to the parser after all.
"""

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from ingress.exchange import LOOKED_KEY, Looked
from ingress.offering import OK, OfferingProtocol

HELD_MAX: Final = 65_536
"""Bytes that may wait for an answer before the connection is read on; uvicorn's own bound."""


class RepeatingProtocol(OfferingProtocol):
    """One connection, and the request on it that waits for its answer outside the parser."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked = b""
        self._held = bytearray()
        self._ends = False
        self._repeated_at = float("-inf")
        self._passed_on: list[Looked | None] = []

    @property
    def data(self) -> bytes:
        """A repeated request is known already."""
        return b""

    def data_received(self, data: bytes) -> None:
        """Answer a request that is known by its bytes; read on otherwise."""
        if self._asked:
            self._held += data
            if len(self._held) > HELD_MAX:
                self.flow.pause_reading()
            return
        rests = self._rests()
        if rests and self._shortcut.knows(data) and self._repeat(data):
            return
        self.chunk = data if rests else b""
        super().data_received(data)
        self.chunk = b""

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer the repeated request; nothing is written when the caller has gone."""
        self._asked = b""
        if not self.transport.is_closing():
            self.transport.write(b"%b%b%b\r\n%b" % (OK, self.standing_lines(), head, body))
            self._go_on()

    def pass_on(self, looked: Looked | None) -> None:
        """Let the parser have the repeated request, with what is known already."""
        data, self._asked = self._asked, b""
        if not self.transport.is_closing():
            self._passed_on.append(looked)
            super().data_received(data)
            self._passed_on.clear()
            self._go_on()

    def shutdown(self) -> None:
        """Close, after the answer that somebody waits for."""
        if self._asked:
            self._ends = True
        else:
            super().shutdown()

    def timeout_keep_alive_handler(self) -> None:
        """Close, unless a request that the parser never saw came meanwhile: then wait for the rest."""
        left_s = self._repeated_at + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if not self._passed_on:
            super()._start_asgi_task(cycle, app)
            return
        scope: Any = cycle.scope
        looked = self._passed_on.pop()
        if looked is not None:
            scope[LOOKED_KEY] = looked
        self.start(cycle, app)

    def _rests(self) -> bool:
        """Whether a request was answered here, the connection goes on, and nothing of another has come."""
        cycle: RequestResponseCycle | None = self.cycle
        return (
            cycle is not None
            and cycle.response_complete
            and cycle.keep_alive
            and self._head is None
            and self._waiting is None
            and not (self.pipeline or self._refused or self.flow.write_paused or self.transport.is_closing())
        )

    def _repeat(self, data: bytes) -> bool:
        self._asked, self._repeated_at = data, self.loop.time()
        try:
            taken = self._shortcut.repeat(data, self)
        except Exception:
            # Whatever broke in a shortcut, the long way is open.
            self.logger.exception("the shortcut broke")
            taken = False
        if taken:
            self.server_state.total_requests += 1
        else:
            self._asked = b""
        return taken

    def _go_on(self) -> None:
        if self._ends:
            self._ends = False
            self.shutdown()
        elif self._held:
            held = bytes(self._held)
            self._held.clear()
            self.flow.resume_reading()
            self.data_received(held)
