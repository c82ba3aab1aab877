"""One connection for many callers: what they send in one turn of the loop is one write.

With a connection each, every command costs a system call to send and one to receive, and wakes Redis up;
shared, a batch of commands costs as much. It is for short commands only: whoever blocks, subscribes or
fetches megabytes here lets everybody else wait.
"""

import asyncio
import contextlib
from typing import Any

from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

from shared.redis import refusals
from shared.redis.calls import Call, Calls
from shared.redis.channel import Channel
from shared.redis.connection_pool import FairPool
from shared.redis.protocol import Command, packed


def succeeded(replies: list[Any]) -> list[Any]:
    """Return replies that are no errors; raises the first that is one."""
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise reply
    return replies


class Multiplex:
    """Shares a connection as the pool makes them, which is opened by the first call and after each loss.

    Every call ends by `timeout_s`, and disturbs no other by ending late or cancelled. A connection that still
    owes a reply after twice that time is dropped. Not more than `calls_max` wait at a time.
    """

    def __init__(self, pool: FairPool, *, timeout_s: float, calls_max: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool = pool
        self._timeout_s = timeout_s
        self._calls_max = calls_max
        self._calls = Calls()
        self._channel: Channel | None = None
        self._open_since = 0.0
        self._serving: asyncio.Task[None] | None = None
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None

    async def execute(self, *commands: Command) -> list[Any]:
        """Return the replies to commands that are sent together, and like a pipeline's are not one step.

        They are sent once more when the connection is cut, as everywhere. Raises redis-py's errors: the first
        that is among the replies, ConnectionError and TimeoutError.
        """
        return succeeded(await self.send(b"".join(map(packed, commands)), len(commands)))

    def send(self, data: bytes, replies: int) -> "asyncio.Future[list[Any]]":
        """Send commands that are bytes already; the future has their replies, errors among them.

        It raises what `execute` raises but for those, and raises ConnectionError at once when too many wait.
        """
        if len(self._calls) >= self._calls_max:
            raise RedisConnectionError("Too many calls wait for Redis.")
        call = Call(data, replies, self._loop.time() + self._timeout_s, self._loop.create_future())
        self._calls.add(call)
        self._flush_soon()
        if self._timer is None:
            self._timer = self._loop.call_at(call.deadline, self._look_at_clock)
        return call.done

    async def aclose(self) -> None:
        """Close the connection; whoever waits gets a ConnectionError."""
        if self._serving is not None:
            self._serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._serving
        self._calls.fail(RedisConnectionError("The connection is closed."))
        if self._timer is not None:
            self._timer.cancel()

    def _flush_soon(self) -> None:
        if self._serving is None:
            self._serving = self._loop.create_task(self._serve())
        elif not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        # Otherwise the next reply, the next call or a new connection comes back here.
        if self._channel is not None and self._channel.writable and self._calls.queued:
            self._channel.write(self._calls.take_unsent())

    async def _serve(self) -> None:
        """Open a connection, and hand out replies until it is lost."""
        connection = self._pool.make_connection()
        try:
            await connection.connect()  # type: ignore[no-untyped-call]
            self._channel, self._open_since = connection.channel, self._loop.time()
            self._flush()
            while True:
                self._hand_out(await self._channel.read(None))
        except (RedisError, OSError) as error:
            if self._channel is None:
                self._calls.fail(error)
            else:
                self._calls.requeue(error)
        finally:
            self._channel = self._serving = None
            await connection.disconnect(nowait=True)
        if self._calls.queued:
            self._flush_soon()

    def _hand_out(self, reply: Any) -> None:
        if isinstance(reply, ResponseError):
            reply = refusals.sort(reply)
        if isinstance(reply, RedisConnectionError) or (
            # This may be a demoted server, and a fresh connection leads to its successor.
            isinstance(reply, ReadOnlyError) and self._calls.oldest.again and self._is_old()
        ):
            raise reply
        self._calls.answer(reply)
        if self._calls.queued:
            self._flush_soon()

    def _is_old(self) -> bool:
        # A server that is read-only for longer would cost a connection for every call.
        return self._loop.time() - self._open_since > self._timeout_s

    def _look_at_clock(self) -> None:
        now = self._loop.time()
        self._calls.give_up(now)
        owed_since = self._calls.owed_since()
        if owed_since is not None and now >= owed_since + self._timeout_s and self._channel is not None:
            self._channel.abort()
            owed_since = None
        deadlines = [
            self._calls.next_deadline(),
            None if owed_since is None else owed_since + self._timeout_s,
        ]
        next_look = min((deadline for deadline in deadlines if deadline is not None), default=None)
        self._timer = None if next_look is None else self._loop.call_at(next_look, self._look_at_clock)
