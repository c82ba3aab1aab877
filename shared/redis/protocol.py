"""Redis' protocol as redis-py wants it spoken: commands into bytes, a channel's bytes into replies."""

import asyncio
import contextlib
from typing import Any

import hiredis
from redis._parsers import BaseParser, Encoder
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError, DataError, InvalidResponse

from shared.redis.channel import CLOSED, NOT_ENOUGH_DATA, Channel

Command = tuple[Any, ...]
"""A command's name and its arguments: text, bytes, numbers."""


def packed(command: Command) -> bytes:
    """Encode a command, in C as redis-py's blocking client does; raises DataError for other types."""
    name, *arguments = command
    # redis-py names some commands by two words, which Redis wants apart.
    words = (name.encode() if isinstance(name, str) else name).split()
    try:
        data: bytes = hiredis.pack_command((*words, *arguments))
    except TypeError as error:
        raise DataError(str(error)) from error
    return data


class ChannelParser(BaseParser):
    """redis-py's parser interface on a channel, for the callers that bring a timeout of their own."""

    def __init__(self, socket_read_size: int) -> None:  # noqa: ARG002 - how redis-py calls it
        """`socket_read_size` is redis-py's; here the transport decides."""
        self.channel: Channel | None = None

    async def take_over(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: Encoder
    ) -> None:
        """Make the channel of a new socket, which starts with what Redis has said unasked."""
        self.channel = Channel(
            writer,
            hiredis.Reader(
                protocolError=InvalidResponse,
                replyError=self.parse_error,
                notEnoughData=NOT_ENOUGH_DATA,
                encoding=text.encoding if text.decode_responses else None,
                errors=text.encoding_errors if text.decode_responses else None,
            ),
        )
        reader.feed_eof()
        with contextlib.suppress(OSError):
            self.channel.data_received(await reader.read())

    def on_connect(self, connection: AbstractConnection) -> None:
        """Do nothing: the channel is there."""

    def on_disconnect(self) -> None:
        """Forget the socket: no later reply can be read."""
        self.channel = None

    async def can_read_destructive(self) -> bool:
        """Whether bytes of an earlier command are here; raises redis-py's ConnectionError when closed."""
        channel = self.open_channel()
        if channel.lost:
            raise RedisConnectionError(CLOSED)
        return not channel.quiet

    async def read_response(self, disable_decoding: bool = False) -> Any:  # noqa: FBT001, FBT002 - redis-py's
        """Return the next reply, however long it takes."""
        return await self.reply(None, decode=not disable_decoding)

    async def reply(self, within_s: float | None, *, decode: bool = True) -> Any:
        """Return the next reply; raises what `Channel.read` does, and an error that ends the connection."""
        reply = await self.open_channel().read(within_s, decode=decode)
        first = reply[0] if isinstance(reply, list) and reply else reply
        if isinstance(first, RedisConnectionError):
            raise first
        return reply

    def open_channel(self) -> Channel:
        """The channel of now; raises redis-py's ConnectionError after a disconnect."""
        if self.channel is None:
            raise RedisConnectionError("The connection is closed.")
        return self.channel
