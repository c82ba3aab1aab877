"""How one socket is read and written, on a pair of sockets whose other end the test holds."""

import asyncio
import socket
from collections.abc import Iterator

import hiredis
import pytest
from redis._parsers import Encoder
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.redis.channel import NOT_ENOUGH_DATA, UNREAD_MAX, Channel
from shared.redis.protocol import ChannelParser

pytestmark = pytest.mark.anyio

LONG_S = 30.0
SHORT_S = 0.05


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The product runs on uvloop, tests of others mostly on asyncio."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours, and the one that plays Redis."""
    ours, theirs = socket.socketpair()
    theirs.settimeout(0)
    with ours, theirs:
        yield ours, theirs


async def opened(ours: socket.socket) -> Channel:
    """A channel on a socket."""
    _, writer = await asyncio.open_connection(sock=ours)
    return Channel(writer, hiredis.Reader(notEnoughData=NOT_ENOUGH_DATA))


async def say(theirs: socket.socket, data: bytes) -> None:
    """Let Redis say something."""
    await asyncio.get_running_loop().sock_sendall(theirs, data)


async def test_replies_come_in_their_order_also_in_pieces(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """A reply is returned once it is whole, and the next one is not mixed up with it."""
    ours, theirs = sockets
    channel = await opened(ours)
    await say(theirs, b"+one\r\n$4\r\ntw")
    assert await channel.read(LONG_S) == b"one"
    half_there = channel.quiet
    second = asyncio.create_task(channel.read(LONG_S))
    await say(theirs, b"oo\r\n")
    assert await second == b"twoo"
    assert (half_there, channel.quiet) == (False, True)
    channel.abort()


async def test_a_reply_that_trickles_in_has_no_more_time_than_one_that_does_not_come(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """The deadline is for the whole reply."""
    ours, theirs = sockets
    channel = await opened(ours)

    async def trickle() -> None:
        await say(theirs, b"$1000000\r\n")
        for _ in range(1_000_000):
            await say(theirs, b"x")
            await asyncio.sleep(SHORT_S / 5)

    trickling = asyncio.create_task(trickle())
    async with asyncio.timeout(LONG_S):
        with pytest.raises(TimeoutError):
            await channel.read(SHORT_S)
    trickling.cancel()
    channel.abort()


async def test_a_short_deadline_after_a_long_one_is_kept(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """Though the timer was set for the long one."""
    ours, theirs = sockets
    channel = await opened(ours)
    await say(theirs, b"+early\r\n")
    assert await channel.read(LONG_S) == b"early"
    async with asyncio.timeout(LONG_S / 2):
        with pytest.raises(TimeoutError):
            await channel.read(SHORT_S)
    channel.abort()


async def test_a_deadline_that_has_come_already_is_no_mistake(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """A loop that was held up finds several at once; uvloop's timers for such times are of another kind."""
    ours, _ = sockets
    channel = await opened(ours)
    past = asyncio.get_running_loop().time() - 1
    for deadline in (past, past - 1, past - 2):
        channel._ring_by(deadline)
    with pytest.raises(TimeoutError):
        await channel.read(0)
    channel.abort()


async def test_a_deadline_starts_with_its_own_read(sockets: tuple[socket.socket, socket.socket]) -> None:
    """The timer of an earlier read goes off in the middle of a later one, and ends nothing."""
    ours, theirs = sockets
    channel = await opened(ours)
    loop = asyncio.get_running_loop()
    # The answers come when 0.6 of each deadline has passed: the first one's timer goes off in the second.
    for answer in (b"one", b"two", b"three"):
        loop.call_later(0.6 * 4 * SHORT_S, theirs.send, b"+" + answer + b"\r\n")
        assert await channel.read(4 * SHORT_S) == answer
    channel.abort()


async def test_a_closed_socket_ends_a_read_at_once_but_not_before_its_last_reply(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """And is known to be closed before anything is sent."""
    ours, theirs = sockets
    channel = await opened(ours)
    await say(theirs, b"+last\r\n")
    theirs.shutdown(socket.SHUT_RDWR)
    assert await channel.read(LONG_S) == b"last"
    async with asyncio.timeout(LONG_S / 2):
        with pytest.raises(RedisConnectionError):
            await channel.read(LONG_S)
    assert not channel.quiet
    with pytest.raises(RedisConnectionError):
        await channel.send(b"x", LONG_S)
    channel.abort()


async def test_what_came_before_the_take_over_comes_first(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """Redis says that it has too many clients before it is asked anything, and closes."""
    ours, theirs = sockets
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.send(b"-ERR max number of clients reached\r\n+half")
    async with asyncio.timeout(LONG_S):
        while not reader._buffer:  # type: ignore[attr-defined]  # noqa: ASYNC110 - streams tell nobody
            await asyncio.sleep(0)
    parser = ChannelParser(65536)
    await parser.take_over(reader, writer, Encoder("utf-8", "strict", decode_responses=False))  # type: ignore[no-untyped-call]
    theirs.send(b"\r\n")
    theirs.close()
    with pytest.raises(RedisConnectionError, match="max number of clients"):
        await parser.reply(LONG_S)
    assert await parser.reply(LONG_S) == b"half"
    with pytest.raises(RedisConnectionError, match="closed"):
        await parser.reply(LONG_S)


async def test_an_unread_flood_is_left_to_redis(sockets: tuple[socket.socket, socket.socket]) -> None:
    """A slow reader's memory is bounded, and nothing is lost."""
    ours, theirs = sockets
    channel = await opened(ours)
    message = b"$65536\r\n" + b"x" * 65536 + b"\r\n"
    messages = 16 * UNREAD_MAX // len(message)
    flood = asyncio.create_task(say(theirs, message * messages))
    done, _ = await asyncio.wait([flood], timeout=10 * SHORT_S)
    assert not done, "it was read without a reader"
    for _ in range(messages):
        assert await channel.read(LONG_S) == b"x" * 65536
    await flood
    channel.abort()


async def test_a_full_socket_is_waited_for_until_the_deadline(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """And no longer; what fits is not waited for at all."""
    ours, _ = sockets
    channel = await opened(ours)
    await channel.send(b"x", SHORT_S)
    async with asyncio.timeout(LONG_S):
        with pytest.raises(TimeoutError):
            await channel.send(b"x" * (1 << 24), SHORT_S)
    channel.abort()


async def test_a_second_reader_is_refused(sockets: tuple[socket.socket, socket.socket]) -> None:
    """It would take the first one's reply."""
    ours, theirs = sockets
    channel = await opened(ours)
    first = asyncio.create_task(channel.read(LONG_S))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="Two tasks"):
        await channel.read(LONG_S)
    await say(theirs, b"+first\r\n")
    assert await first == b"first"
    channel.abort()


async def test_a_cancelled_read_is_cancelled_even_when_its_reply_has_just_come(
    sockets: tuple[socket.socket, socket.socket],
) -> None:
    """Whichever comes first: a cancellation is never swallowed."""
    ours, _ = sockets
    channel = await opened(ours)
    reading = asyncio.create_task(channel.read(LONG_S))
    await asyncio.sleep(0)
    channel.data_received(b"+late\r\n")
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not channel.quiet
    channel.abort()
