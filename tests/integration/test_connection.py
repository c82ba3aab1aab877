"""Our connections to a real Redis: whatever happens, a command gets its own reply or an error."""

import asyncio
from collections.abc import Iterator

import pytest
from redis.exceptions import ResponseError, TimeoutError as RedisTimeoutError

from shared.errors import RedisUnavailable
from shared.redis import connect
from tests.support.redis_client import TIMEOUT_S, blocked, client_of, named_ours, raw
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


async def test_a_reply_that_comes_too_late_is_nobodys(server: RedisProcess) -> None:
    """Neither on the same connection nor by accident on the next."""
    async with client_of(server.url, timeout_s=TIMEOUT_S) as ours:
        await ours.mset({"a": "of a", "b": "of b"})
        for _ in range(3):
            server.pause()
            with pytest.raises(RedisTimeoutError):
                await ours.get("a")
            server.resume()
            assert await ours.get("b") == b"of b"
            assert await ours.get("a") == b"of a"


async def test_a_command_cancelled_in_the_middle_takes_its_connection_with_it(server: RedisProcess) -> None:
    """Alone and in a pipeline; the next command has its own reply from a new one."""
    async with client_of(server.url, blocking_s=5) as ours:
        for _ in range(3):
            before = await ours.client_id()
            pipe = ours.pipeline(transaction=False)
            pipe.set("a", "of a")
            pipe.blpop(["nothing"], 0)
            for command in (ours.blpop(["nothing"], 0), pipe.execute()):
                waiting = asyncio.ensure_future(command)  # type: ignore[arg-type]
                await until(lambda: blocked(server.url))
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            assert await ours.get("a") == b"of a"
            assert await ours.client_id() != before
            await until(lambda: _alone(server.url))


async def test_a_restart_costs_a_new_connection_and_no_error(server: RedisProcess) -> None:
    """Also when every pooled connection has been closed at once, and when nothing noticed it yet."""
    async with client_of(server.url, connections=4) as ours:
        await asyncio.gather(*(ours.ping() for _ in range(4)))
        server.kill()
        server.start()
        words = [str(number).encode() for number in range(4)]
        assert await asyncio.gather(*(raw(ours, "ECHO", word) for word in words)) == words
        assert len(await named_ours(server.url)) <= 4


async def test_a_server_that_is_gone_is_an_error_at_once(server: RedisProcess) -> None:
    """Nothing waits for a timeout when the socket says so."""
    async with client_of(server.url, blocking_s=60) as ours:
        waiting = asyncio.ensure_future(ours.blpop(["nothing"], 0))  # type: ignore[arg-type]
        await until(lambda: blocked(server.url))
        server.kill()
        for command in (waiting, ours.ping()):
            with pytest.raises(RedisUnavailable):
                async with connect.translated():
                    await command


@pytest.mark.parametrize("size", [1, 1 << 25], ids=["small", "too large for the socket"])
async def test_a_paused_redis_costs_one_timeout_and_never_runs_what_was_given_up(
    server: RedisProcess, size: int
) -> None:
    """What a full socket has not taken yet is thrown away."""
    async with client_of(server.url, timeout_s=TIMEOUT_S) as ours:
        await ours.ping()
        server.pause()
        try:
            async with asyncio.timeout(10 * TIMEOUT_S):
                with pytest.raises(RedisTimeoutError):
                    await ours.set("given up", b"x" * size)
        finally:
            server.resume()
        await ours.ping()
        if size > 1:
            await until(lambda: _alone(server.url))
            assert not await ours.exists("given up")


async def _alone(url: str) -> bool:
    return len(await named_ours(url)) == 1


async def test_a_big_pipeline_comes_back_whole(server: RedisProcess) -> None:
    """Larger both ways than any buffer between; one error in it is only its own."""
    async with client_of(server.url) as ours:
        pipe = ours.pipeline(transaction=False)
        for number in range(5_000):
            pipe.set(f"k{number}", str(number) * 500)
        pipe.lpush("k0", "x")
        for number in range(5_000):
            pipe.get(f"k{number}")
        replies = await pipe.execute(raise_on_error=False)
        assert isinstance(replies[5_000], ResponseError)
        assert replies[5_001:] == [(str(number) * 500).encode() for number in range(5_000)]
        async with ours.pipeline(transaction=True) as transaction:
            await transaction.watch("k1")
            transaction.multi()  # type: ignore[no-untyped-call]
            transaction.get("k1")
            assert await transaction.execute() == [b"1" * 500]


async def test_a_blocking_command_has_its_rest_on_top_of_the_timeout(server: RedisProcess) -> None:
    """And no more than that."""
    async with client_of(server.url, timeout_s=TIMEOUT_S, blocking_s=3 * TIMEOUT_S) as ours:
        assert await raw(ours, "BLPOP", "nothing", 2 * TIMEOUT_S) is None
        with pytest.raises(RedisTimeoutError):
            await raw(ours, "BLPOP", "nothing", 0)
