"""A worker's context on the session's real Redis."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from shared.settings import Settings
from tests.support import worker as support
from tests.support.redis_process import RedisProcess
from workers.context import WorkerContext
from workers.worker import SentinelWorker


@pytest.fixture
def settings(redis_server: RedisProcess) -> Settings:
    """Defaults, with a lease short enough to end within a test."""
    return Settings(redis_url=redis_server.url, lease_s=0.6, drain_s=5)


@pytest.fixture
async def ctx(redis: Redis, settings: Settings) -> AsyncIterator[WorkerContext]:
    """A context whose provider and embedder the test controls."""
    async with support.context(settings.redis_url, settings) as found:
        yield found


@pytest.fixture
async def worker(ctx: WorkerContext) -> AsyncIterator[SentinelWorker]:
    """A worker at work, which also knows two stock functions."""
    async with support.at_work(ctx, support.STOCK) as found:
        yield found
