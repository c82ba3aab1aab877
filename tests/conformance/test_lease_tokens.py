"""Tokens taken ahead come out of the bucket that every request takes from."""

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import script

pytestmark = pytest.mark.anyio
BUCKET = keys.bucket("k")


async def lease(store: Redis, wanted: int, *, capacity: float = 10, cost: float = 1) -> tuple[int, float]:
    """Run the script on a bucket that hardly refills."""
    arguments = [capacity, 0.001, cost, wanted]
    granted, tokens, _ = await script("lease_tokens").run(store, [BUCKET], arguments)
    return int(granted), float(tokens)


async def test_as_many_are_granted_as_are_there(store: Redis) -> None:
    """And never a part of one."""
    granted, tokens = await lease(store, 4)
    assert (granted, round(tokens, 1)) == (4, 6.0)
    assert (await lease(store, 9))[0] == 6
    assert (await lease(store, 9))[0] == 0


async def test_what_is_leased_is_gone_for_others(store: Redis) -> None:
    """take_tokens.lua sees what is left, and the other way round."""
    await lease(store, 9)
    taken = [(await script("take_tokens").run(store, [BUCKET], [10, 0.001, 1]))[0] for _ in range(2)]
    assert taken == [1, 0]
    assert (await lease(store, 1))[0] == 0


async def test_requests_that_cost_less_than_a_token_are_more(store: Redis) -> None:
    """Ten tokens are forty hits of a quarter."""
    assert (await lease(store, 100, cost=0.25))[0] == 40


async def test_the_bucket_goes_away_when_it_would_be_full(store: Redis) -> None:
    """As with every request."""
    await script("lease_tokens").run(store, [BUCKET], [10, 2, 1, 3])
    assert 5_000 < await store.pttl(BUCKET) <= 6_000
    await store.delete(BUCKET)
    await script("lease_tokens").run(store, [BUCKET], [10, 2, 1, 0])
    assert not await store.exists(BUCKET)
