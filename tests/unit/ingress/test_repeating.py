"""A request that is known by its bytes is answered past the parser; all else about the connection stays."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest
import uvicorn
from msgspec import Struct
from uvicorn.server import ServerState

from ingress.exchange import LOOKED_KEY, Looked
from ingress.protocol import Bounds
from ingress.repeating import HELD_MAX, RepeatingProtocol
from ingress.shortcut.headers import Said
from ingress.shortcut.path import Request, Shortcut
from ingress.shortcut.repeats import KEPT_MAX, Repeat, Repeats, is_one

pytestmark = pytest.mark.anyio
FIRST = b"GET /first HTTP/1.1\r\nHost: here\r\n\r\n"
KNOWN = b"GET /known HTTP/1.1\r\nHost: here\r\n\r\n"
LENGTH = b"content-length: 2\r\n"


async def say_path(scope: Any, receive: Any, send: Any) -> None:
    """The framework: says which path it was asked for, and what it was told of it."""
    await receive()
    body = scope["path"].encode() + b"+" * (LOOKED_KEY in scope) + b"."
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Knowing(Struct):
    """A shortcut that knows one request; `then` says what it does with it."""

    asked: list[Request]
    came: asyncio.Event
    then: Callable[[Request], bool] = lambda _: False

    def may_take(self, scope: Any) -> bool:
        """No request is taken that the parser has seen."""
        del scope
        return False

    def knows(self, data: bytes) -> bool:
        """By its bytes."""
        return data == KNOWN

    def repeat(self, data: bytes, request: Request) -> bool:
        """Take it."""
        assert data == KNOWN
        self.asked.append(request)
        self.came.set()
        return self.then(request)


class World(Struct):
    """A caller's end, and the protocol at the other."""

    theirs: socket.socket
    protocol: RepeatingProtocol
    shortcut: Knowing

    async def hear(self, end: bytes) -> bytes:
        """Read until something was said."""
        loop, heard = asyncio.get_running_loop(), b""
        async with asyncio.timeout(5):
            while not heard.endswith(end):
                part = await loop.sock_recv(self.theirs, 4096)
                assert part, heard
                heard += part
        return heard

    async def is_closed(self) -> bool:
        """Whether the other end closes now."""
        async with asyncio.timeout(5):
            return await asyncio.get_running_loop().sock_recv(self.theirs, 4096) == b""

    async def asked(self) -> Request:
        """The request, once it has been asked."""
        async with asyncio.timeout(5):
            await self.shortcut.came.wait()
        return self.shortcut.asked[0]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A connection on which one request was answered."""
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)  # noqa: FBT003 - its only argument
    config = uvicorn.Config(say_path, lifespan="off", log_config=None)
    config.load()
    loop, shortcut = asyncio.get_running_loop(), Knowing([], asyncio.Event())
    bounds = Bounds(connections_max=10, header_max_bytes=1000, read_s=5)
    protocol = RepeatingProtocol(
        cast("Shortcut", shortcut),
        bounds,
        config=config,
        server_state=ServerState(),
        app_state={},
        _loop=loop,
    )
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, ours)
    made = World(theirs, protocol, shortcut)
    theirs.send(FIRST)
    assert (await made.hear(b"/first.")).startswith(b"HTTP/1.1 200")
    yield made
    transport.abort()
    theirs.close()
    await asyncio.sleep(0)


def taken(_: Request) -> bool:
    """Take a request, and answer it later."""
    return True


async def test_it_is_answered_at_once_or_later(world: World) -> None:
    """With the headers of every response; the parser goes on as if it had never been."""

    def answer(request: Request) -> bool:
        request.answer(LENGTH, b"1!")
        return True

    world.shortcut.then = answer
    world.theirs.send(KNOWN)
    assert (await world.hear(b"1!")).startswith(b"HTTP/1.1 200 OK\r\n")
    world.shortcut.then = taken
    world.shortcut.asked.clear()
    world.shortcut.came.clear()
    world.theirs.send(KNOWN)
    (await world.asked()).answer(LENGTH, b"2!")
    assert b"content-length: 2" in await world.hear(b"2!")
    world.theirs.send(FIRST)
    await world.hear(b"/first.")
    assert world.protocol.server_state.total_requests == 4


async def test_what_comes_meanwhile_waits_and_is_answered_after_it(world: World) -> None:
    """In its order, in whatever pieces it comes."""
    world.shortcut.then = taken
    world.theirs.send(KNOWN)
    request = await world.asked()
    world.theirs.send(FIRST + FIRST[:9])
    await asyncio.sleep(0.02)
    world.theirs.send(FIRST[9:])
    await asyncio.sleep(0.02)
    request.answer(LENGTH, b"1!")
    heard = await world.hear(b"/first.")
    while heard.count(b"/first.") < 2:
        heard += await world.hear(b"/first.")
    assert heard.index(b"1!") < heard.index(b"/first.")


async def test_what_waits_is_bounded(world: World) -> None:
    """The connection is not read on; afterwards it is."""
    world.shortcut.then = taken
    world.theirs.send(KNOWN)
    request = await world.asked()
    count = HELD_MAX // len(FIRST) + 1
    world.protocol.data_received(FIRST * count)
    assert world.protocol.flow.read_paused
    request.answer(LENGTH, b"1!")
    heard = b""
    while heard.count(b"/first.") < count:
        heard += await world.hear(b"/first.")
    assert not world.protocol.flow.read_paused


@pytest.mark.parametrize("looked", [None, Looked("identity", ValueError())])
async def test_what_is_passed_on_goes_through_the_parser_with_what_is_known(
    world: World, looked: Looked | None
) -> None:
    """And is offered to no shortcut again."""
    world.shortcut.then = taken
    world.theirs.send(KNOWN)
    request = await world.asked()
    world.theirs.send(FIRST)
    await asyncio.sleep(0.02)
    request.pass_on(looked)
    heard = await world.hear(b"/first.")
    assert (b"/known." if looked is None else b"/known+.") in heard
    assert len(world.shortcut.asked) == 1


@pytest.mark.parametrize("breaks", [False, True])
async def test_what_is_not_taken_goes_through_the_parser(world: World, breaks: bool) -> None:  # noqa: FBT001
    """Also when the shortcut breaks."""

    def refuse(_: Request) -> bool:
        if breaks:
            raise RuntimeError
        return False

    world.shortcut.then = refuse
    world.theirs.send(KNOWN)
    await world.hear(b"/known.")


async def test_a_stopping_server_answers_it_first(world: World) -> None:
    """Then it closes."""
    world.shortcut.then = taken
    world.theirs.send(KNOWN)
    request = await world.asked()
    world.protocol.shutdown()
    request.answer(LENGTH, b"1!")
    await world.hear(b"1!")
    assert await world.is_closed()


async def test_who_has_gone_is_answered_nothing(world: World) -> None:
    """And breaks nothing."""
    world.shortcut.then = taken
    world.theirs.send(KNOWN)
    request = await world.asked()
    world.protocol.transport.close()
    await asyncio.sleep(0)
    request.answer(LENGTH, b"1!")
    assert await world.is_closed()


async def test_a_connection_in_use_is_not_closed_for_resting(world: World) -> None:
    """The parser saw nothing of late; once nobody asks any more, it is closed."""

    def answer(request: Request) -> bool:
        request.answer(LENGTH, b"1!")
        return True

    world.shortcut.then = answer
    world.theirs.send(KNOWN)
    await world.hear(b"1!")
    world.protocol.timeout_keep_alive_handler()
    assert not world.protocol.transport.is_closing()
    world.protocol.timeout_keep_alive = 0
    world.protocol.timeout_keep_alive_handler()
    assert await world.is_closed()


def test_only_what_is_one_request_and_may_come_again_is_kept() -> None:
    """Two in a packet are not one; one with its own id will not come again; there are so many at most."""
    said = Said(b"key", b"", b"", b"", b"", b"")
    head = b"POST / HTTP/1.1\r\ncontent-length: 2\r\n\r\n"
    assert is_one(head + b"{}", b"{}")
    assert not is_one((head + b"{}") * 2, b"{}")
    assert not is_one(b"\r\n\r\n" + head + b"{}", b"{}")
    repeats = Repeats()
    repeats.keep(b"named", Repeat("/", b"", Said(b"key", b"", b"", b"", b"mine", b"")))
    assert repeats.find(b"named") is None
    for number in range(KEPT_MAX + 1):
        repeats.keep(b"%d" % number, Repeat("/", b"", said))
    assert repeats.find(b"0") is None
    assert repeats.find(b"%d" % KEPT_MAX) == Repeat("/", b"", said)
