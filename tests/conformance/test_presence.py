"""Who is connected, and who is missing for good, whoever looks."""

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import script

pytestmark = pytest.mark.anyio


async def look(store: Redis, *, judges: bool = True, **present: bool) -> list[bytes]:
    """Note who is connected; returns the dead."""
    told = [part for worker, there in present.items() for part in (worker, str(int(there)))]
    dead: list[bytes] = await script("note_presence").run(
        store, [keys.presence()], [2, 60_000, str(int(judges)), *told]
    )
    return dead


async def test_a_worker_is_dead_after_two_misses_and_only_once(store: Redis) -> None:
    """One miss may be a reconnect."""
    assert await look(store, a=True, b=True) == []
    assert await look(store, a=False, b=True) == []
    assert await look(store, a=False, b=True) == [b"a"]
    assert await look(store, a=False, b=True) == []


async def test_a_worker_that_comes_back_is_not_dead(store: Redis) -> None:
    """Misses must be in a row."""
    for there in (True, False, True, False):
        assert await look(store, a=there) == []


async def test_a_worker_that_was_never_seen_is_not_judged(store: Redis) -> None:
    """It may have other means, or be starting; the lease decides."""
    assert [await look(store, a=False) for _ in range(5)] == [[]] * 5


async def test_misses_before_trouble_do_not_count_after_it(store: Redis) -> None:
    """A Redis that restarted has lost everybody's connections."""
    await look(store, a=True)
    await look(store, a=False)
    assert await look(store, judges=False, a=False) == []
    assert await look(store, a=False) == []
    assert await look(store, a=False) == [b"a"]


async def test_what_was_noted_ends_with_its_worker_and_with_its_time(store: Redis) -> None:
    """Nothing piles up."""
    await look(store, a=True, b=True)
    await look(store, b=True)
    assert await store.hkeys(keys.presence()) == [b"b"]  # type: ignore[misc]
    assert 0 < await store.pttl(keys.presence()) <= 60_000
