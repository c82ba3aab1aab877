"""The same cases on fakeredis and on a real server."""

from collections.abc import AsyncIterator

import fakeredis
import pytest
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.jobs import JobQueue
from tests.support.redis_process import RedisProcess


@pytest.fixture(params=["fakeredis", "redis-server"])
async def store(request: pytest.FixtureRequest, redis_server: RedisProcess) -> AsyncIterator[Redis]:
    """An empty Redis of either kind."""
    client: Redis
    if request.param == "fakeredis":
        client = fakeredis.FakeAsyncRedis()
    else:
        client = Redis.from_url(redis_server.url)
        await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
def jobs(store: Redis) -> JobQueue:
    """The job contract on that Redis."""
    return JobQueue(store)


@pytest.fixture
def entries(store: Redis) -> EntryStore:
    """The exact cache on that Redis."""
    return EntryStore(store)
