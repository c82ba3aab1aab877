"""One connection for many callers, on a real Redis: each gets its own replies or an error, and in time."""

import asyncio
import contextlib
import random
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)

from shared.redis import connect
from shared.redis.multiplex import Multiplex
from shared.settings import Settings
from tests.support.redis_client import PATIENCE_S, TIMEOUT_S, named_ours
from tests.support.redis_process import RedisProcess
from tests.support.worker import until

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The product runs on uvloop, tests of others mostly on asyncio."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture
def server() -> Iterator[RedisProcess]:
    """A server of the test's own."""
    with RedisProcess() as process:
        yield process


@asynccontextmanager
async def shared_by_all(
    url: str, timeout_s: float = PATIENCE_S, calls_max: int = 10_000
) -> AsyncIterator[Multiplex]:
    """A shared connection, closed at the end; nothing in between may hang."""
    pool = connect.pool(url, Settings(redis_timeout_s=min(timeout_s, 1)), client_name="ours")
    shared = Multiplex(pool, timeout_s=timeout_s, calls_max=calls_max)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield shared
    finally:
        await shared.aclose()


async def sent() -> None:
    """What was asked for is on its way: the callers' turn, the flush, and one to spare."""
    for _ in range(3):
        await asyncio.sleep(0)


async def stats(server: RedisProcess, field: str) -> int:
    """A number of the server's."""
    async with Redis.from_url(server.url) as client:
        return int((await client.info("stats"))[field])


@pytest.mark.parametrize("seed", range(5))
async def test_a_thousand_callers_share_one_connection_whoever_is_cancelled(
    server: RedisProcess, seed: int
) -> None:
    """A caller that goes leaves the others' replies alone, whether its command was sent or not."""
    chance = random.Random(seed)
    served = cancelled = 0

    async def ask(number: int) -> None:
        for turn in range(5):
            text = f"{number}.{turn}".encode()
            words = [text * (copy + 1) for copy in range(number % 3 + 1)]
            assert await shared.execute(*(("ECHO", word) for word in words)) == words

    async with shared_by_all(server.url) as shared:
        tasks = [asyncio.create_task(ask(number)) for number in range(1_000)]
        while any(not task.done() for task in tasks):
            for task in chance.sample(tasks, 20):
                task.cancel()
            await asyncio.sleep(chance.choice([0, 0, 0.001]))
        for task in tasks:
            try:
                await task
                served += 1
            except asyncio.CancelledError:
                cancelled += 1
        assert served > 0
        assert cancelled > 0
        assert len(await named_ours(server.url)) == 1


async def test_what_is_asked_at_once_is_sent_at_once(server: RedisProcess) -> None:
    """A hundred callers cost Redis a read or two."""
    async with shared_by_all(server.url) as shared:
        await shared.execute(("PING",))
        before = await stats(server, "total_reads_processed")
        await asyncio.gather(*(shared.execute(("ECHO", str(number))) for number in range(100)))
        # The connection that asks for the number has reads of its own.
        assert await stats(server, "total_reads_processed") - before < 20


async def test_an_error_is_its_own_callers(server: RedisProcess) -> None:
    """A script that Redis does not know, a wrong type: the others have their replies, and so has the next."""
    async with shared_by_all(server.url) as shared:
        found = await asyncio.gather(
            shared.execute(("SET", "text", "x"), ("GET", "text")),
            shared.execute(("EVALSHA", "0" * 40, 0), ("ECHO", "a")),
            shared.execute(("ECHO", "b"), ("LPUSH", "text", "y"), ("ECHO", "c")),
            shared.execute(("ECHO", "d")),
            return_exceptions=True,
        )
        assert found[0] == [b"OK", b"x"]
        assert isinstance(found[1], NoScriptError)
        assert isinstance(found[2], ResponseError)
        assert found[3] == [b"d"]
        assert await shared.execute(("ECHO", "e")) == [b"e"]
        await shared.execute(("CONFIG", "SET", "maxmemory", 1))
        with pytest.raises(OutOfMemoryError):
            await shared.execute(("EVAL", "return redis.call('SET', KEYS[1], 'x')", 1, "k"))


async def test_a_paused_redis_costs_each_caller_its_own_timeout(server: RedisProcess) -> None:
    """Late replies are thrown away, and the same connection goes on."""
    async with shared_by_all(server.url, TIMEOUT_S) as shared:
        [before] = await shared.execute(("CLIENT", "ID"))
        server.pause()
        first = asyncio.create_task(shared.execute(("ECHO", "late"), ("ECHO", "later")))
        await asyncio.sleep(TIMEOUT_S / 2)
        second = asyncio.create_task(shared.execute(("ECHO", "late")))
        for late, others in ((first, {second}), (second, set())):
            _, waiting = await asyncio.wait({late, *others}, return_when=asyncio.FIRST_COMPLETED)
            assert waiting == others
            assert isinstance(late.exception(), RedisTimeoutError)
        server.resume()
        for number in range(10):
            assert await shared.execute(("ECHO", str(number))) == [str(number).encode()]
        assert await shared.execute(("CLIENT", "ID")) == [before]


async def test_a_connection_that_stays_silent_is_dropped(server: RedisProcess) -> None:
    """Its other end may be gone for good."""
    async with shared_by_all(server.url, TIMEOUT_S) as shared:
        [before] = await shared.execute(("CLIENT", "ID"))
        server.pause()
        with pytest.raises(RedisTimeoutError):
            await shared.execute(("ECHO", "late"))
        await asyncio.sleep(2 * TIMEOUT_S)
        server.resume()
        after = await shared.execute(("ECHO", "a"), ("CLIENT", "ID"))
        assert after[0] == b"a"
        assert after[1] != before


async def test_what_was_given_up_before_it_was_sent_never_runs(server: RedisProcess) -> None:
    """Neither overdue nor cancelled."""
    async with shared_by_all(server.url, TIMEOUT_S) as shared:
        await shared.execute(("PING",))
        server.pause()
        large = asyncio.create_task(shared.execute(("SET", "large", b"x" * (1 << 24))))
        await sent()
        overdue = asyncio.create_task(shared.execute(("SET", "overdue", "x")))
        dropped = asyncio.create_task(shared.execute(("SET", "cancelled", "x")))
        await sent()
        dropped.cancel()
        await asyncio.wait([large, overdue, dropped])
        assert isinstance(large.exception(), RedisTimeoutError)
        assert isinstance(overdue.exception(), RedisTimeoutError)
        server.resume()

        async def served() -> bool:
            with contextlib.suppress(RedisError):
                return await shared.execute(("ECHO", "a")) == [b"a"]
            return False

        await until(served)
        assert await shared.execute(("EXISTS", "overdue", "cancelled")) == [0]


async def test_what_waits_for_room_is_sent_as_soon_as_there_is(server: RedisProcess) -> None:
    """Without another call to remind of it."""
    async with shared_by_all(server.url) as shared:
        await shared.execute(("PING",))
        server.pause()
        calls = [asyncio.create_task(shared.execute(("SET", "large", b"x" * (1 << 24))))]
        await sent()
        calls.append(asyncio.create_task(shared.execute(("STRLEN", "large"))))
        await sent()
        server.resume()
        assert await asyncio.gather(*calls) == [[b"OK"], [1 << 24]]


async def test_a_restart_costs_no_error(server: RedisProcess) -> None:
    """What was on its way is sent once more, in its order; what comes meanwhile follows it."""
    async with shared_by_all(server.url) as shared:
        await shared.execute(("PING",))
        server.pause()
        calls = [asyncio.create_task(shared.execute(("RPUSH", "list", number))) for number in range(5)]
        await sent()
        calls.pop(2).cancel()
        server.kill()
        server.start()
        calls.append(asyncio.create_task(shared.execute(("RPUSH", "list", 5))))
        await asyncio.gather(*calls)
        assert await shared.execute(("LRANGE", "list", 0, -1)) == [[b"0", b"1", b"3", b"4", b"5"]]


async def test_a_server_that_is_gone_is_an_error_at_once_for_all(server: RedisProcess) -> None:
    """And no caller is sent a third time."""
    async with shared_by_all(server.url) as shared:
        await shared.execute(("PING",))
        server.pause()
        calls = [asyncio.create_task(shared.execute(("INCR", "n"))) for _ in range(5)]
        await sent()
        server.kill()
        for found in await asyncio.gather(*calls, return_exceptions=True):
            assert isinstance(found, RedisConnectionError)
        with pytest.raises(RedisConnectionError):
            await shared.execute(("PING",))
        server.start()
        assert await shared.execute(("ECHO", "a")) == [b"a"]


async def test_a_failover_behind_a_name_is_followed(server: RedisProcess) -> None:
    """By a connection that is older than a timeout; a new one's read-only reply is the caller's."""
    with RedisProcess() as successor, tempfile.TemporaryDirectory(prefix="snt-") as folder:
        name = Path(folder) / "primary.sock"
        name.symlink_to(server.socket)
        async with shared_by_all(f"unix://{name}?db=0") as shared:
            await shared.execute(("SET", "a", "x"))
            async with Redis.from_url(server.url) as old:
                await old.replicaof("127.0.0.1", "1")
            name.unlink()
            name.symlink_to(successor.socket)
            shared._open_since -= 2 * PATIENCE_S
            replies: list[Any] = await asyncio.gather(
                shared.execute(("ECHO", "b")), shared.execute(("SET", "c", "x")), shared.execute(("GET", "c"))
            )
            assert replies == [[b"b"], [b"OK"], [b"x"]]
            async with Redis.from_url(successor.url) as new:
                await new.replicaof("127.0.0.1", "1")
            [before] = await shared.execute(("CLIENT", "ID"))
            with pytest.raises(ReadOnlyError):
                await shared.execute(("SET", "d", "x"))
            assert await shared.execute(("CLIENT", "ID")) == [before]


async def test_more_callers_than_may_wait_are_refused(server: RedisProcess) -> None:
    """At once, and without harm to those who wait."""
    async with shared_by_all(server.url, calls_max=5) as shared:
        found = await asyncio.gather(
            *(shared.execute(("ECHO", str(number))) for number in range(7)), return_exceptions=True
        )
        assert found[:5] == [[str(number).encode()] for number in range(5)]
        assert all(isinstance(refused, RedisConnectionError) for refused in found[5:])


async def test_closing_ends_every_wait(server: RedisProcess) -> None:
    """And the connection."""
    async with shared_by_all(server.url) as shared:
        await shared.execute(("PING",))
        waiting = asyncio.create_task(shared.execute(("BLPOP", "nothing", 0)))
        await asyncio.sleep(0)
        await shared.aclose()
        with pytest.raises(RedisConnectionError):
            await waiting

    async def closed() -> bool:
        return not await named_ours(server.url)

    await until(closed)
