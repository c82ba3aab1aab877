"""Heartbeats: who lives is listed, who is silent is forgotten."""

import pytest
from redis.asyncio import Redis

from shared.heartbeats import Heartbeat, Heartbeats
from shared.redis import keys

pytestmark = pytest.mark.anyio
BEAT = Heartbeat(worker="w", host="h", pid=7, version="1", slots=64, busy=3, per_s=12.5, loop_lag_ms=0.1)


async def test_a_worker_that_beats_is_alive_as_it_describes_itself(store: Redis) -> None:
    """Everything it said, for five seconds."""
    await Heartbeats(store).beat(BEAT)
    assert await Heartbeats(store).alive() == [BEAT]
    assert 0 < await store.pttl(keys.worker("w")) <= 5_000


async def test_a_worker_that_stops_or_falls_silent_is_not_listed(store: Redis) -> None:
    """At once when it says so, else when its last beat has run out."""
    beats = Heartbeats(store)
    await beats.beat(BEAT)
    await beats.end("w")
    assert await beats.alive() == []
    await beats.beat(BEAT)
    await store.delete(keys.worker("w"))
    assert await beats.alive() == []


async def test_names_of_the_long_silent_do_not_pile_up(store: Redis) -> None:
    """Any beat sweeps them out."""
    await store.zadd(keys.workers(), {"ancient": 1})
    await Heartbeats(store).beat(BEAT)
    assert await store.zrange(keys.workers(), 0, -1) == [b"w"]
