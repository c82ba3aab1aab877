"""One keep-alive connection whose replies are looked at, where a load generator would only count them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Connection:
    """A connection to a port of this machine."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, port: int) -> AsyncIterator["Connection"]:
        """Connect, and close at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()

    async def exchange(self, data: bytes) -> tuple[bytes, bytes]:
        """Send a request and read its reply: head and body."""
        self._writer.write(data)
        head = await self._reader.readuntil(b"\r\n\r\n")
        return head, await self._reader.readexactly(int(header(head, b"content-length")))


def header(head: bytes, name: bytes) -> bytes:
    """One header of a reply; empty when it is not there."""
    return head.lower().partition(b"\r\n" + name + b":")[2].partition(b"\r\n")[0].strip()
