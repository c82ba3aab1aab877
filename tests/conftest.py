"""What all tests share: folders are markers, and a Redis of the session's own."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

# As workers do, before numpy is imported: on a busy machine two OpenBLAS threads are far slower than one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings
from redis.asyncio import Redis

from tests.support.redis_process import RedisProcess

TESTS = Path(__file__).parent
# How long an example takes says how busy the machine is, and nothing of the product.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the folder that it is in."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


@pytest.fixture
def anyio_backend() -> str:
    """Coroutines run on asyncio, as the product does."""
    return "asyncio"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisProcess]:
    """A real redis-server for the whole session."""
    with RedisProcess() as server:
        yield server


@pytest.fixture
async def redis(redis_server: RedisProcess) -> AsyncIterator[Redis]:
    """A client of the real server, empty at the start."""
    client = Redis.from_url(redis_server.url)
    await client.flushall()
    yield client
    await client.aclose()
