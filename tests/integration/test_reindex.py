"""Moving a running fleet's vectors from memory to a search engine and back: no restart, nothing lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from redis.asyncio import Redis

from shared.cli import main
from shared.index_place import Place, move_place, read_place, searched, settle_place
from shared.redis import keys
from shared.reindex import Moved, reindex
from shared.tasks import cancel
from tests.conformance.test_vector_index import DIMENSIONS, SPACE, Subject, axis
from tests.support.redis_process import RedisProcess
from tests.support.search_engine import search_engine
from workers.semantic.engine_index import EngineIndex
from workers.semantic.feed import IndexFeed
from workers.semantic.fleet_index import FleetIndex

pytestmark = pytest.mark.anyio
PARTITIONS = ("abc", "def")


@pytest.fixture(scope="module")
def engine_server() -> Iterator[RedisProcess]:
    """A Redis that can search."""
    with search_engine() as server:
        yield server


@pytest.fixture
async def engine_redis(engine_server: RedisProcess) -> AsyncIterator[Redis]:
    """A client of it, empty at the start."""
    client = Redis.from_url(engine_server.url)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def fleet(engine_redis: Redis) -> AsyncIterator[Subject]:
    """A worker's index at work, in memory until somebody moves it, with twenty entries in two partitions."""
    feed = IndexFeed(engine_redis, engine_redis, dimensions=DIMENSIONS, capacity=10_000)
    engine = EngineIndex(engine_redis, SPACE, DIMENSIONS)
    index = FleetIndex(engine_redis, feed, engine, "memory")
    following = asyncio.create_task(index.follow())
    seconds, _ = await engine_redis.time()
    fleet = Subject(engine_redis, index, seconds * 1000)
    for number in range(20):
        await fleet.put(f"e{number}", axis(number), partition=PARTITIONS[number % 2])
    await fleet.until_found(axis(0), *(await found_in_all(fleet, 0)), partition=PARTITIONS[0])
    yield fleet
    await cancel([following])


async def found_in_all(fleet: Subject, number: int) -> list[str]:
    """What the entry's partition finds near it."""
    return await fleet.find(axis(number), k=20, partition=PARTITIONS[number % 2])


async def vector_of(fleet: Subject, number: int) -> list[float] | None:
    """An entry's vector as it is stored."""
    assert isinstance(fleet.index, FleetIndex)
    found = await fleet.index.vector(f"{PARTITIONS[number % 2]}:{SPACE}", f"e{number}")
    return None if found is None else list(found)


async def all_found(fleet: Subject) -> bool:
    """Whether every entry is found by its own vector."""
    found = [await fleet.find(axis(n), k=1, partition=PARTITIONS[n % 2]) for n in range(20)]
    return found == [[f"e{n}"] for n in range(20)]


@pytest.mark.parametrize("there", ["redis"])
async def test_a_fleet_at_work_moves_there_and_back(fleet: Subject, there: Place) -> None:
    """Every entry is found before, during and after; what the old place held is gone."""
    assert await all_found(fleet)
    assert await vector_of(fleet, 3) == list(axis(3))
    assert await vector_of(fleet, 20) is None
    told: list[tuple[int, int]] = []
    moving = asyncio.create_task(reindex(fleet.redis, there, lambda *done: told.append(done), grace_s=1.5))
    checks = 0
    while not moving.done():
        assert await all_found(fleet)
        checks += 1
        await asyncio.sleep(0.01)  # a search in memory lets nobody else run
    assert checks > 1
    assert await moving == Moved(20, 20)
    assert told[-1] == (2, 2)
    assert await read_place(fleet.redis) == there
    assert await fleet.redis.keys(keys.index("*")) == []
    assert await vector_of(fleet, 3) == list(axis(3))
    assert await all_found(fleet)
    await fleet.put("new", axis(25), partition="abc")
    await fleet.until_found(axis(25), *(await fleet.find(axis(25), 20, "abc")), partition="abc")

    assert await reindex(fleet.redis, "memory", lambda *_: None, grace_s=1.5) == Moved(21, 21)
    assert await all_found(fleet)
    assert await fleet.find(axis(25), k=1, partition="abc") == ["new"]
    assert await fleet.redis.keys(keys.VECTOR_PREFIX + "*") == []


async def test_what_is_stored_during_a_move_is_in_both_places(fleet: Subject) -> None:
    """The copy that comes later does not undo it."""
    await move_place(fleet.redis, "memory>redis")
    await fleet.put("e0", axis(30), partition="abc")
    assert await reindex(fleet.redis, "redis", lambda *_: None, grace_s=1.5) == Moved(20, 19)
    assert await fleet.find(axis(30), k=1, partition="abc") == ["e0"]
    document = await fleet.redis.hget(keys.vector(f"abc:{SPACE}", "e0"), "vector")  # type: ignore[misc]
    np.testing.assert_array_equal(np.frombuffer(document, dtype="<f4"), axis(30))


async def test_a_move_that_was_interrupted_is_started_again(fleet: Subject) -> None:
    """And copies only what is missing."""

    class StoppedError(Exception):
        pass

    def stop(_done: int, _total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        await reindex(fleet.redis, "redis", stop)
    assert searched(await read_place(fleet.redis)) == "memory"
    assert await all_found(fleet)
    assert await reindex(fleet.redis, "redis", lambda *_: None, grace_s=1.5) == Moved(20, 10)
    assert await all_found(fleet)


async def test_vectors_of_entries_that_are_gone_stay_behind(fleet: Subject) -> None:
    """A move is also a sweep."""
    await fleet.redis.delete(keys.entry("e3"))
    assert await reindex(fleet.redis, "redis", lambda *_: None, grace_s=0) == Moved(20, 19)


async def test_a_new_fleet_searches_where_its_settings_say(engine_redis: Redis) -> None:
    """One that has a place keeps it until the command moves it."""
    assert await settle_place(engine_redis, "redis") == "redis"
    assert await settle_place(engine_redis, "memory") == "redis"


def test_the_command_tells_how_far_it_is(
    engine_server: RedisProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what it has done."""
    monkeypatch.setenv("SENTINEL_CACHE_REDIS_URL", engine_server.url)
    monkeypatch.setattr("shared.reindex.GRACE_S", 0.0)
    assert main(["cache", "reindex", "--to", "redis"]) == 0
    assert "the fleet searches in redis" in capsys.readouterr().out


def test_a_server_that_cannot_search_is_refused(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is changed."""
    monkeypatch.setenv("SENTINEL_CACHE_REDIS_URL", redis_server.url)
    assert main(["cache", "reindex", "--to", "redis"]) == 1
    assert "Query Engine" in capsys.readouterr().err
