"""One socket to Redis: replies are parsed as they come in, and whoever waits for one has a deadline.

asyncio's streams put a buffer, two copies and five coroutines between a socket and its reader, and a timer of
its own around every read costs more than the read. Here the parser is fed by the transport itself, and one
timer per socket is set anew only when it goes off.
"""

import asyncio
from typing import Any, Final, cast

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError

NOT_ENOUGH_DATA: Final = object()
"""What the parser returns between two replies; any other object may be a reply."""

CLOSED: Final = "Redis closed the connection."

UNREAD_MAX: Final = 1 << 20
"""Bytes that may lie here unread before the socket is left alone, so that Redis feels a slow subscriber."""


class Channel(asyncio.Protocol):
    """A socket's protocol: replies in their order, to one reader at a time."""

    def __init__(self, writer: asyncio.StreamWriter, replies: hiredis.Reader) -> None:
        """Take an open socket over from its streams, which from now on hear of its state and read nothing."""
        self._loop = asyncio.get_running_loop()
        self._replies = replies
        self._writer = writer
        self._transport = cast("asyncio.Transport", writer.transport)
        self._streams = self._transport.get_protocol()
        self._waiter: asyncio.Future[None] | None = None
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._paused = False
        self._full = False
        self.lost = self._transport.is_closing()
        """Nothing comes any more, and nothing can be sent."""
        self._transport.set_protocol(self)

    @property
    def quiet(self) -> bool:
        """Fit for a command: open, and no byte here that belongs to an earlier one."""
        return not self.lost and not self._replies.has_data()

    @property
    def writable(self) -> bool:
        """Open, and not holding more than the transport wants to."""
        return not self.lost and not self._full

    async def send(self, data: bytes, within_s: float | None) -> None:
        """Hand data to the transport, and wait only when that then holds more than it wants to.

        Raises TimeoutError when it still does in the end, redis-py's ConnectionError when nothing was sent
        because Redis has closed the connection, and OSError when it does so meanwhile.
        """
        if self.lost and self._replies.has_data():
            # Redis said why before it closed, for one that it has too many clients: the reader finds it.
            return
        if self.lost:
            raise RedisConnectionError(CLOSED)
        self.write(data)
        if not self.writable:
            async with asyncio.timeout(within_s):
                await self._writer.drain()

    def write(self, data: bytes) -> None:
        """Hand data to the transport, for one who looks after `writable` himself."""
        self._writer.write(data)

    def abort(self) -> None:
        """Close at once, and throw away what was not sent yet."""
        self._transport.abort()

    async def read(self, within_s: float | None, *, decode: bool = True) -> Any:
        """Return the next reply; an error is a reply too.

        Raises TimeoutError when it is not complete in time: it may come later, so the socket must be dropped.
        Raises redis-py's ConnectionError when Redis has closed the connection.
        """
        reply = self._replies.gets(decode)
        if reply is NOT_ENOUGH_DATA:
            deadline = None if within_s is None else self._loop.time() + within_s
            while reply is NOT_ENOUGH_DATA:
                await self._more(deadline)
                reply = self._replies.gets(decode)
        return reply

    async def _more(self, deadline: float | None) -> None:
        if self.lost or self._transport.is_closing():
            raise RedisConnectionError(CLOSED)
        if self._waiter is not None:
            raise RuntimeError("Two tasks read from one connection.")
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        self._waiter, self._deadline = self._loop.create_future(), deadline
        if deadline is not None:
            self._ring_by(deadline)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _ring_by(self, deadline: float) -> None:
        # The timer of an earlier wait mostly goes off before this one has to, and is then set anew.
        if self._timer is not None and self._timer_at > deadline:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            # Not asked of the timer: uvloop's for a time that has come does not know it.
            self._timer, self._timer_at = self._loop.call_at(deadline, self._look_at_clock), deadline

    def _look_at_clock(self) -> None:
        self._timer = None
        if self._waiter is None or self._deadline is None:
            return
        if self._loop.time() < self._deadline:
            self._ring_by(self._deadline)
        elif not self._waiter.done():
            self._waiter.set_exception(TimeoutError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Parse nothing yet: the reader does, in its own task and with its own errors."""
        self._replies.feed(data)
        if self._waiter is not None:
            self._wake()
        elif not self._paused and self._replies.len() > UNREAD_MAX:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        """Redis never closes one direction only."""
        self.lost = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the reader fail at once, and whoever waits for the end of the stream go on."""
        self.lost = True
        self._wake()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._streams.connection_lost(exc)

    def pause_writing(self) -> None:
        """Note that a sender has to wait; the stream's `drain` then does."""
        self._full = True
        self._streams.pause_writing()

    def resume_writing(self) -> None:
        """Note that it has not."""
        self._full = False
        self._streams.resume_writing()
