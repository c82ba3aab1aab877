"""The last request on a connection that is about to be closed."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from ingress.protocol import BoundedProtocol, Bounds

pytestmark = pytest.mark.anyio
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    """Answer as a process does that is stopping."""
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def connection() -> AsyncIterator[tuple[socket.socket, BoundedProtocol]]:
    """A caller's end, and the protocol at the other."""
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - its only argument
    config = uvicorn.Config(refuse, lifespan="off", log_config=None)
    config.load()
    loop = asyncio.get_running_loop()
    bounds = Bounds(connections_max=10, header_max_bytes=1000, read_s=5)
    protocol = BoundedProtocol(bounds, config=config, server_state=ServerState(), app_state={}, _loop=loop)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, ours)
    yield theirs, protocol
    transport.abort()
    theirs.close()
    # Let the loop close its end.
    await asyncio.sleep(0)


async def heard(theirs: socket.socket) -> bytes:
    """Everything until the other end closes."""
    loop, parts = asyncio.get_running_loop(), []
    async with asyncio.timeout(5):
        while part := await loop.sock_recv(theirs, 4096):
            parts.append(part)
    return b"".join(parts)


async def test_a_request_that_has_arrived_unread_is_answered(
    connection: tuple[socket.socket, BoundedProtocol],
) -> None:
    """Its caller is told to go elsewhere, instead of wondering whether it was begun."""
    theirs, protocol = connection
    theirs.send(REQUEST)
    protocol.shutdown()
    assert (await heard(theirs)).startswith(b"HTTP/1.1 503")


async def test_half_of_the_headers_may_become_a_whole(
    connection: tuple[socket.socket, BoundedProtocol],
) -> None:
    """They have begun to arrive."""
    theirs, protocol = connection
    protocol.data_received(REQUEST[:10])
    protocol.shutdown()
    theirs.send(REQUEST[10:])
    assert (await heard(theirs)).startswith(b"HTTP/1.1 503")


async def test_an_idle_connection_is_closed_at_once(
    connection: tuple[socket.socket, BoundedProtocol],
) -> None:
    """Nobody is cut off by that."""
    theirs, protocol = connection
    protocol.shutdown()
    assert await heard(theirs) == b""
