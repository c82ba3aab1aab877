"""A bounded pool of connections: a free one costs next to nothing, and waiting for one ends in time.

redis-py's BlockingConnectionPool takes a condition and sets a timer for every command, also when connections
are free.
"""

import asyncio
from collections import OrderedDict
from typing import Any, cast

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.redis.connection import TcpConnection, TlsConnection, UnixConnection

_OURS: dict[type[AbstractConnection], type[AbstractConnection]] = {
    Connection: TcpConnection,
    SSLConnection: TlsConnection,
    UnixDomainSocketConnection: UnixConnection,
}

Pooled = TcpConnection | TlsConnection | UnixConnection


class FairPool(ConnectionPool):
    """Lends connections, the warmest first; when all are lent, to those who wait in their order.

    `timeout` is the longest wait in seconds. A connection that comes back goes straight to the first who
    waits: nobody who comes later can take it, and no wake-up can be lost on the way.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        timeout: float,
        connection_class: type[AbstractConnection] = Connection,
        **options: Any,
    ) -> None:
        """`connection_class` is what redis-py reads from a URL; ours of that kind is used."""
        super().__init__(_OURS[connection_class], max_connections, **options)
        self.timeout = timeout
        self._queue: OrderedDict[asyncio.Future[Pooled], None] = OrderedDict()

    def make_connection(self) -> Pooled:
        """Make a connection that is not open yet."""
        return cast("Pooled", super().make_connection())  # type: ignore[no-untyped-call]

    async def get_connection(self, command_name: Any = None, *keys: Any, **options: Any) -> Pooled:  # noqa: ARG002
        """Lend a connection that is fit for a command; raises redis-py's ConnectionError after `timeout`."""
        if self.can_get_connection():
            connection = cast("Pooled", self.get_available_connection())  # type: ignore[no-untyped-call]
        else:
            connection = await self._next_free()
        if not connection.quiet:
            try:
                await self.ensure_connection(connection)
            except BaseException:
                await self.release(connection)
                raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back; raises KeyError for one that was not lent.

        redis-py would also renew access tokens here, which no URL can ask for.
        """
        self._in_use_connections.remove(connection)
        while self._queue:
            waiter, _ = self._queue.popitem(last=False)
            if not waiter.done():
                self._in_use_connections.add(connection)
                waiter.set_result(cast("Pooled", connection))
                return
        self._available_connections.append(connection)

    async def _next_free(self) -> Pooled:
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Pooled] = loop.create_future()
        self._queue[waiter] = None
        timer = loop.call_later(self.timeout, _give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                # Cancelled in the very moment in which the connection came.
                await self.release(waiter.result())
            raise
        finally:
            timer.cancel()
            self._queue.pop(waiter, None)


def _give_up(waiter: "asyncio.Future[Pooled]") -> None:
    if not waiter.done():
        waiter.set_exception(RedisConnectionError("No connection became free in time."))
