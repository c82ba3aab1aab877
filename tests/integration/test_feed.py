"""The index feed: snapshot, changes, and what happens when one overtakes the other."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.tasks import cancel
from shared.wire.entry import IndexChange, IndexRow, encode
from tests.support.worker import DIMENSIONS, until
from workers.semantic import feed as feed_module
from workers.semantic.feed import IndexFeed
from workers.semantic.snapshot import Stored, read_snapshot

pytestmark = pytest.mark.anyio
FOREVER = 10**15
ROW = IndexRow(vector=np.eye(1, DIMENSIONS, dtype="<f4").tobytes(), expires_at_ms=FOREVER)


@pytest.fixture
def feed(redis: Redis) -> IndexFeed:
    """A feed of an empty Redis."""
    return IndexFeed(redis, redis, dimensions=DIMENSIONS, capacity=100)


async def store(redis: Redis, entry_id: str, partition: str = "p", row: IndexRow = ROW) -> None:
    """Put a row into the snapshot and into the stream, as the script does."""
    await redis.hset(keys.index(partition), mapping={entry_id: encode(row)})  # type: ignore[misc]
    change = IndexChange(op="put", partition=partition, entry_id=entry_id, row=row)
    await redis.xadd(keys.index_changes(), {"change": encode(change)})


async def drop(redis: Redis, entry_id: str) -> None:
    """Take a row away again, as the script does."""
    await redis.hdel(keys.index("p"), entry_id)  # type: ignore[misc]
    change = IndexChange(op="drop", partition="p", entry_id=entry_id)
    await redis.xadd(keys.index_changes(), {"change": encode(change)})


@contextlib.asynccontextmanager
async def followed(feed: IndexFeed) -> AsyncIterator[None]:
    """Let the feed follow for a while."""
    following = asyncio.create_task(feed.follow())
    try:
        yield
    finally:
        await cancel([following])


async def until_held(feed: IndexFeed, *entry_ids: str, partition: str = "p") -> None:
    """Return once exactly these entries are held."""

    async def same() -> bool:
        index = await feed.partition(partition)
        return len(index) == len(entry_ids) and all(entry_id in index for entry_id in entry_ids)

    await until(same, within=10)


class Gate:
    """Holds every load up before its last piece, until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Semaphore(0)
        self.open = asyncio.Event()

    async def read(self, redis: Redis, partition: str) -> AsyncIterator[list[Stored]]:
        """Read the whole snapshot, then wait before handing it on."""
        pieces = [piece async for piece in read_snapshot(redis, partition)]
        self.reached.release()
        await self.open.wait()
        for piece in pieces:
            yield piece


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Loads wait at this gate."""
    gate = Gate()
    monkeypatch.setattr(feed_module, "read_snapshot", gate.read)
    return gate


async def test_a_partition_is_loaded_from_its_snapshot_and_then_followed(
    feed: IndexFeed, redis: Redis
) -> None:
    """What was there before and what comes after are found alike."""
    await store(redis, "before")
    following = asyncio.create_task(feed.follow())
    assert len(await feed.partition("p")) == 1
    await store(redis, "after")

    async def both() -> bool:
        return len(await feed.partition("p")) == 2

    await until(both)
    await cancel([following])


async def test_a_reload_while_a_partition_loads_costs_the_caller_nothing(
    feed: IndexFeed, redis: Redis
) -> None:
    """It gets the next load's index, and is not mistaken for one that was cancelled."""
    await store(redis, "one")
    waiting = [asyncio.create_task(feed.partition("p")) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
        feed.reload()
    indexes = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert [len(index) for index in indexes] == [1, 1, 1]


async def test_a_caller_that_gives_up_does_not_stop_the_load_for_others(
    feed: IndexFeed, redis: Redis
) -> None:
    """They share it."""
    await store(redis, "one")
    leaver, stayer = (asyncio.create_task(feed.partition("p")) for _ in range(2))
    await asyncio.sleep(0)
    leaver.cancel()
    assert len(await stayer) == 1


async def test_a_flushed_cache_empties_the_index(feed: IndexFeed, redis: Redis) -> None:
    """Within a look at the stream, without a reconnect."""
    following = asyncio.create_task(feed.follow())
    await store(redis, "one")
    assert len(await feed.partition("p")) == 1
    await redis.flushall()

    async def empty() -> bool:
        return len(await feed.partition("p")) == 0

    await until(empty, within=10)
    await cancel([following])


async def test_what_changes_while_a_snapshot_is_read_wins_over_it(
    feed: IndexFeed, redis: Redis, gate: Gate
) -> None:
    """A drop is not undone by the older row, and an addition is not lost."""
    await store(redis, "kept")
    await store(redis, "dropped")
    async with followed(feed):
        loading = asyncio.create_task(feed.partition("p"))
        await gate.reached.acquire()
        await drop(redis, "dropped")
        await store(redis, "added")
        gate_sees = feed._held["p"]
        await until(lambda: settled(lambda: {"dropped", "added"} <= gate_sees.touched))
        gate.open.set()
        await loading
        await until_held(feed, "kept", "added")


async def settled(condition: Callable[[], bool]) -> bool:
    """Look at a condition that is not asynchronous."""
    return condition()


async def test_changes_trimmed_before_they_were_read_start_a_new_load(feed: IndexFeed, redis: Redis) -> None:
    """Also when the stream goes on at once, so that no read comes back empty."""
    await store(redis, "one")
    async with followed(feed):
        await until_held(feed, "one")
        async with redis.pipeline(transaction=True) as together:
            together.hset(keys.index("p"), mapping={"unheard": encode(ROW)})
            together.xtrim(keys.index_changes(), maxlen=0, approximate=False)
            change = IndexChange(op="put", partition="p", entry_id="heard", row=ROW)
            together.hset(keys.index("p"), mapping={"heard": encode(ROW)})
            together.xadd(keys.index_changes(), {"change": encode(change)})
            await together.execute()
        await until_held(feed, "one", "unheard", "heard")


async def test_a_redis_that_lost_its_latest_changes_starts_a_new_load(feed: IndexFeed, redis: Redis) -> None:
    """What came back after a crash is the truth: a later row that is gone there is gone here."""
    await store(redis, "one")
    async with followed(feed):
        await until_held(feed, "one")
        await store(redis, "lost")
        await until_held(feed, "one", "lost")
        [(last, _)] = await redis.xrevrange(keys.index_changes(), count=1)
        async with redis.pipeline(transaction=True) as crash:
            crash.xdel(keys.index_changes(), last)
            crash.hdel(keys.index("p"), "lost")
            await crash.execute()
        await store(redis, "later")
        await until_held(feed, "one", "later")


async def test_the_old_index_is_searched_until_the_new_one_is_loaded(
    feed: IndexFeed, redis: Redis, gate: Gate
) -> None:
    """A reload costs no question a wait, and what changes meanwhile reaches both."""
    gate.open.set()
    await store(redis, "one")
    async with followed(feed):
        await until_held(feed, "one")
        gate.open.clear()
        gate.reached = asyncio.Semaphore(0)
        feed.reload()
        await gate.reached.acquire()
        before = await feed.partition("p")
        await store(redis, "two")
        await until_held(feed, "one", "two")
        assert await feed.partition("p") is before
        gate.open.set()

        async def replaced() -> bool:
            return await feed.partition("p") is not before

        await until(replaced)
        await until_held(feed, "one", "two")


async def test_a_worker_that_starts_late_misses_nothing(feed: IndexFeed, redis: Redis) -> None:
    """A partition that was loaded before the feed followed is brought up to date."""
    await store(redis, "one")
    assert "one" in await feed.partition("p")
    await store(redis, "between")
    await drop(redis, "one")
    async with followed(feed):
        await until_held(feed, "between")
        await store(redis, "after")
        await until_held(feed, "between", "after")


async def test_a_load_that_failed_is_told_and_tried_again(
    feed: IndexFeed, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller skips its semantic step; the next one finds the index."""

    async def broken(redis: Redis, partition: str) -> AsyncIterator[list[Stored]]:
        yield []
        raise RedisError("away")

    await store(redis, "one")
    monkeypatch.setattr(feed_module, "read_snapshot", broken)
    with pytest.raises(RedisError):
        await feed.partition("p")
    monkeypatch.undo()
    assert "one" in await feed.partition("p")


async def test_beyond_the_memory_bound_the_partition_asked_longest_ago_is_forgotten(redis: Redis) -> None:
    """It is loaded again when somebody asks; one partition alone keeps the entries that expire last."""
    row_bytes = 4 * DIMENSIONS + 200
    feed = IndexFeed(redis, redis, dimensions=DIMENSIONS, capacity=10**6, memory_bytes=130 * row_bytes)
    for partition in "pqr":
        for number in range(200):
            row = IndexRow(vector=ROW.vector, expires_at_ms=FOREVER + number)
            await redis.hset(keys.index(partition), mapping={f"{number}": encode(row)})  # type: ignore[misc]
    first = await feed.partition("p")
    assert len(first) == 130
    assert all(str(number) in first for number in range(70, 200))
    await feed.partition("q")
    assert list(feed._held) == ["q"]
    assert await feed.partition("p") is not first


async def test_what_has_expired_leaves_the_index_and_its_snapshot(feed: IndexFeed, redis: Redis) -> None:
    """Without anybody's asking; a row whose entry is there again stays in Redis."""
    seconds, _ = await redis.time()
    dead = IndexRow(vector=ROW.vector, expires_at_ms=seconds * 1000)
    for entry_id in ("dead", "renewed"):
        await store(redis, entry_id, row=dead)
    await store(redis, "alive")
    await redis.hset(keys.entry("renewed"), "fence", "1")  # type: ignore[misc]
    await feed.partition("p")
    async with followed(feed):
        await until_held(feed, "alive")

        async def swept() -> bool:
            return set(await redis.hkeys(keys.index("p"))) == {b"alive", b"renewed"}  # type: ignore[misc]

        await until(swept, within=10)


async def test_rows_that_do_not_fit_cost_only_themselves(feed: IndexFeed, redis: Redis) -> None:
    """Another length, a nan, or no row at all: the others are loaded."""
    await store(redis, "short", row=IndexRow(vector=b"1234", expires_at_ms=FOREVER))
    nan = np.full(DIMENSIONS, np.nan, dtype="<f4").tobytes()
    await store(redis, "nan", row=IndexRow(vector=nan, expires_at_ms=FOREVER))
    await redis.hset(keys.index("p"), mapping={"garbage": b"\xc1"})  # type: ignore[misc]
    await store(redis, "good")
    index = await feed.partition("p")
    assert (len(index), "good" in index) == (1, True)
