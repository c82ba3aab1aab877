"""What is purged stays purged, whatever becomes of the cache Redis."""

import time
from pathlib import Path

import msgspec
import pytest
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.purging import Purge
from shared.wire.entry import Commit
from tests.conformance.test_entry_scripts import commit
from tests.support.redis_process import RedisProcess

SHIPPED = Path(__file__).parents[2] / "compose" / "redis" / "cache.conf"
pytestmark = pytest.mark.anyio


def stored(fingerprint: str) -> Commit:
    """A commit of an answer asked for a minute ago."""
    settled = commit("5")
    known = {"id": fingerprint, "asked_at_ms": int(time.time() * 1000) - 60_000}
    return msgspec.structs.replace(settled, entry=msgspec.structs.replace(settled.entry, **known))


async def test_a_purge_outlives_a_crash_of_the_shipped_cache() -> None:
    """It restores what was there, purges included, and begins warm."""
    kept, gone = stored("kept"), stored("gone")
    with RedisProcess(configuration=SHIPPED) as server:
        async with Redis.from_url(server.url) as cache:
            assert [await EntryStore(cache).apply(one) for one in (kept, gone)] == [True, True]
            await Purge(cache, [cache], deadline_s=5).entry("t", "gone")
        server.kill()
        server.start()
        async with Redis.from_url(server.url) as cache:
            assert await EntryStore(cache).read("kept", "t") == kept.entry
            assert await EntryStore(cache).read("gone", "t") is None
            await Purge(cache, [cache], deadline_s=5).by("t", "all")
        server.kill()
        server.start()
        async with Redis.from_url(server.url) as cache:
            assert await EntryStore(cache).read("kept", "t") is None
