"""redis-py's connections with a cheaper way to the socket and back; what they promise is the same.

redis-py 5 runs every send in a task of its own (`asyncio.wait_for`), every read under a timer of its own, and
asks a pooled connection by a timed read whether it is stale: two thirds of a command's processor time.
`wait_for` may also swallow a cancellation on Python 3.11. Everything else, from the handshake to TLS, is
redis-py's: replaced are the parser, which its constructor takes, and public methods.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, NoReturn

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)

from shared.redis.channel import Channel
from shared.redis.protocol import ChannelParser, packed


class _Direct(AbstractConnection):
    """Writes to the transport, reads from a channel."""

    _parser: ChannelParser

    def __init__(self, **options: Any) -> None:
        super().__init__(parser_class=ChannelParser, **options)

    @property
    def channel(self) -> Channel:
        """The socket; raises redis-py's ConnectionError when there is none."""
        return self._parser.open_channel()

    @property
    def quiet(self) -> bool:
        """Connected, not closed by Redis, and free of what an earlier command left."""
        channel = self._parser.channel
        return channel is not None and channel.quiet

    async def on_connect(self) -> None:
        """Shake hands over a channel; redis-py does it twice on a Unix socket."""
        if self._parser.channel is None:
            assert self._reader is not None  # noqa: S101 - it has just connected
            assert self._writer is not None  # noqa: S101
            await self._parser.take_over(self._reader, self._writer, self.encoder)
        await super().on_connect()

    async def send_packed_command(
        self,
        command: bytes | str | Iterable[bytes],
        check_health: bool = True,  # noqa: FBT001, FBT002 - redis-py's
    ) -> None:
        """Hand a command to the transport, and wait only when that holds too much; connects if need be.

        Raises redis-py's ConnectionError and TimeoutError; the connection is then closed.
        """
        if not self.is_connected:
            await self.connect()  # type: ignore[no-untyped-call]
        elif check_health and self.health_check_interval:
            await self.check_health()  # type: ignore[no-untyped-call]
        try:
            await self._parser.open_channel().send(_joined(command), self.socket_timeout)
        except OSError as error:
            await self.disconnect(nowait=True)
            _raise_as_redis(error, "taken a command")
        except BaseException:
            # Part of the command may be sent: whatever comes back belongs to nobody.
            await self.disconnect(nowait=True)
            raise

    async def read_response(
        self,
        disable_decoding: bool = False,  # noqa: FBT001, FBT002 - redis-py's
        timeout: float | None = None,  # noqa: ASYNC109 - redis-py's
        *,
        disconnect_on_error: bool = True,
        push_request: bool | None = False,
    ) -> Any:
        """Return the next reply within the socket's timeout, or as redis-py does within a subscriber's own.

        Raises redis-py's ConnectionError and TimeoutError; the connection is then closed, so that a late
        reply is never taken for another command's. So it is when the reader is cancelled.
        """
        if timeout is not None or not disconnect_on_error:
            return await super().read_response(
                disable_decoding,
                timeout,
                disconnect_on_error=disconnect_on_error,
                push_request=push_request,
            )
        try:
            reply = await self._parser.reply(self.socket_timeout, decode=not disable_decoding)
        except OSError as error:
            await self.disconnect(nowait=True)
            _raise_as_redis(error, "replied")
        except BaseException:
            await self.disconnect(nowait=True)
            raise
        if self.health_check_interval:
            self.next_health_check = asyncio.get_running_loop().time() + self.health_check_interval
        if isinstance(reply, ResponseError):
            raise reply from None
        return reply

    async def disconnect(self, nowait: bool = False) -> None:  # noqa: FBT001, FBT002 - redis-py's
        """Close the connection; at once means that what was not sent yet is never sent.

        A socket that is closed politely sends the rest when a paused Redis goes on: a command that was given
        up would run after all.
        """
        if nowait and self._parser.channel is not None:
            self._parser.channel.abort()
        await super().disconnect(nowait)

    def pack_command(self, *args: Any) -> list[bytes]:
        """Encode one command; raises DataError."""
        return [packed(args)]

    def pack_commands(self, commands: Iterable[Iterable[Any]]) -> list[bytes]:
        """Encode a pipeline, to be sent at once."""
        return [b"".join([packed(tuple(command)) for command in commands])]


def _joined(command: bytes | str | Iterable[bytes]) -> bytes:
    if isinstance(command, str):
        return command.encode()
    return command if isinstance(command, bytes) else b"".join(command)


def _raise_as_redis(error: OSError, verb: str) -> NoReturn:
    if isinstance(error, TimeoutError):
        raise RedisTimeoutError(f"Redis has not {verb} in time.") from None
    raise RedisConnectionError(f"The connection to Redis failed: {error}") from error


class TcpConnection(_Direct, Connection):
    """To redis:// addresses."""


class TlsConnection(_Direct, SSLConnection):
    """To rediss:// addresses."""


class UnixConnection(_Direct, UnixDomainSocketConnection):
    """To unix:// addresses."""
