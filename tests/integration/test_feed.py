"""The index feed: snapshot, changes, and what happens when one overtakes the other."""

import asyncio

import numpy as np
import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.tasks import cancel
from shared.wire.entry import IndexChange, IndexRow, encode
from tests.support.worker import DIMENSIONS, until
from workers.semantic.feed import IndexFeed

pytestmark = pytest.mark.anyio
FOREVER = 10**15
ROW = IndexRow(vector=np.eye(1, DIMENSIONS, dtype="<f4").tobytes(), expires_at_ms=FOREVER)


@pytest.fixture
def feed(redis: Redis) -> IndexFeed:
    """A feed of an empty Redis."""
    return IndexFeed(redis, redis, dimensions=DIMENSIONS, capacity=100)


async def store(redis: Redis, entry_id: str) -> None:
    """Put a row into the snapshot and into the stream, as the script does."""
    await redis.hset(keys.index("p"), mapping={entry_id: encode(ROW)})  # type: ignore[misc]
    change = IndexChange(op="put", partition="p", entry_id=entry_id, row=ROW)
    await redis.xadd(keys.index_changes(), {"change": encode(change)})


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


async def test_a_reset_while_a_partition_loads_costs_the_caller_nothing(
    feed: IndexFeed, redis: Redis
) -> None:
    """It gets the next load's index, and is not mistaken for one that was cancelled."""
    await store(redis, "one")
    waiting = [asyncio.create_task(feed.partition("p")) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)
        feed.reset()
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
