"""Our pool on a real Redis: whoever comes first is served first, nobody waits for ever, nothing gets lost."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.errors import RedisUnavailable
from shared.redis import connect
from shared.settings import Settings
from tests.support.redis_client import PATIENCE_S, TIMEOUT_S, blocked, client_of, named_ours, raw
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


async def test_an_exhausted_pool_is_waited_for_in_order_and_not_for_ever(server: RedisProcess) -> None:
    """Whoever comes first is served first; whoever is not served in time is told so."""
    async with client_of(server.url, timeout_s=TIMEOUT_S, blocking_s=5) as ours:
        holding = asyncio.ensure_future(ours.blpop(["nothing"], 0))  # type: ignore[arg-type]
        await until(lambda: blocked(server.url))
        with pytest.raises(RedisUnavailable) as refused:
            async with connect.translated():
                await ours.ping()
        assert refused.value.status == 503
        order: list[int] = []

        async def noted(number: int) -> None:
            await ours.ping()
            order.append(number)

        waiting = [asyncio.create_task(noted(number)) for number in range(5)]
        await asyncio.sleep(0)
        waiting.pop(2).cancel()
        holding.cancel()
        await asyncio.gather(*waiting)
        assert order == [0, 1, 3, 4]


@pytest.mark.parametrize("seed", range(5))
async def test_a_thousand_tasks_share_eight_connections_whoever_is_cancelled(
    server: RedisProcess, seed: int
) -> None:
    """Each gets its own replies or is cancelled; afterwards every connection is there and clean."""
    chance = random.Random(seed)
    served = cancelled = 0

    async def ask(number: int) -> None:
        for turn in range(3):
            text = f"{number}.{turn}".encode()
            if number % 3:
                assert await raw(ours, "ECHO", text) == text
            else:
                pipe = ours.pipeline(transaction=False)
                pipe.execute_command("ECHO", text)
                pipe.execute_command("ECHO", text * 2)
                assert await pipe.execute() == [text, text * 2]

    settings = Settings(redis_connections=8, redis_timeout_s=PATIENCE_S)
    async with asyncio.timeout(PATIENCE_S):
        ours = connect.connect(server.url, settings, client_name="ours")
        tasks = [asyncio.create_task(ask(number)) for number in range(1_000)]
        while any(not task.done() for task in tasks):
            for task in chance.sample(tasks, 20):
                task.cancel()
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.002]))
        for task in tasks:
            try:
                await task
                served += 1
            except asyncio.CancelledError:
                cancelled += 1
        assert served > 0
        assert cancelled > 0
        pool = ours.connection_pool
        assert not pool._in_use_connections
        assert 0 < len(pool._available_connections) <= 8
        await asyncio.gather(*(ask(number) for number in range(50)))
        await ours.aclose()


async def test_what_an_earlier_borrower_left_unread_is_nobodys(server: RedisProcess) -> None:
    """A connection that comes back with a reply in it is replaced before it is lent again."""
    async with client_of(server.url) as ours:
        pool = ours.connection_pool
        connection = await pool.get_connection()
        await connection.send_command("ECHO", "left")

        async def come() -> bool:
            return bool(await connection.can_read_destructive())

        await until(come)
        await pool.release(connection)
        assert await raw(ours, "ECHO", "mine") == b"mine"
        with pytest.raises(KeyError):
            await pool.release(connection)


async def test_connections_are_closed_with_the_client(server: RedisProcess) -> None:
    """All of them, and one that was waiting for a reply too."""
    async with client_of(server.url, connections=4, blocking_s=60) as ours:
        waiting = asyncio.ensure_future(ours.blpop(["nothing"], 0))  # type: ignore[arg-type]
        await until(lambda: blocked(server.url))
        await asyncio.gather(*(ours.ping() for _ in range(3)))
        assert len(await named_ours(server.url)) > 1
        await ours.aclose()
        waiting.cancel()
        with pytest.raises((RedisConnectionError, asyncio.CancelledError)):
            await waiting

    async def closed() -> bool:
        return not await named_ours(server.url)

    await until(closed)
