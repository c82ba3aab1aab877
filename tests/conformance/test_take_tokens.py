"""The token bucket: never more than capacity + rate·t, never less than the rate (G7)."""

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import script

pytestmark = pytest.mark.anyio
BUCKET = keys.bucket("k")


async def take(
    store: Redis, capacity: float, refill: float, cost: float = 1.0
) -> tuple[bool, float, int, int]:
    """Run the script and read its reply."""
    allowed, tokens, wait, now = await script("take_tokens").run(store, [BUCKET], [capacity, refill, cost])
    return bool(allowed), float(tokens), int(wait), int(now)


async def test_a_new_bucket_is_full_and_admits_its_capacity_and_no_more(store: Redis) -> None:
    """With next to no refill, the burst is the capacity."""
    admitted = [(await take(store, 5, 0.001))[0] for _ in range(7)]
    assert admitted == [True] * 5 + [False] * 2


async def test_a_refusal_says_when_the_cost_will_fit(store: Redis) -> None:
    """One token at two per second is half a second away."""
    await take(store, 1, 2)
    allowed, tokens, wait, _ = await take(store, 1, 2)
    assert not allowed
    assert wait == pytest.approx((1 - tokens) / 2 * 1000, abs=1)


async def test_a_look_costs_nothing(store: Redis) -> None:
    """A cost of 0 reads the bucket and writes none."""
    await take(store, 3, 0.001)
    assert [round((await take(store, 3, 0.001, 0))[1], 1) for _ in range(3)] == [2.0, 2.0, 2.0]


async def test_elapsed_time_refills_in_fractions(store: Redis) -> None:
    """The rate is delivered exactly: 100 per minute is 1.667 tokens per second, not one."""
    *_, now = await take(store, 100, 1.667, 100)
    await store.hset(BUCKET, mapping={"tokens": "0", "at": str(now - 30_000)})  # type: ignore[misc]
    _, tokens, _, later = await take(store, 100, 1.667, 0)
    assert tokens == pytest.approx((later - now + 30_000) * 1.667 / 1000, rel=1e-9)


async def test_a_bucket_never_holds_more_than_its_capacity(store: Redis) -> None:
    """A long rest is no larger a burst."""
    *_, now = await take(store, 10, 5)
    await store.hset(BUCKET, mapping={"tokens": "9", "at": str(now - 3_600_000)})  # type: ignore[misc]
    assert (await take(store, 10, 5, 0))[1] == 10


async def test_a_clock_that_steps_back_takes_no_tokens_away(store: Redis) -> None:
    """A failover to a Redis whose clock is behind must not lock keys out."""
    *_, now = await take(store, 10, 1)
    await store.hset(BUCKET, mapping={"tokens": "4", "at": str(now + 60_000)})  # type: ignore[misc]
    assert (await take(store, 10, 1, 0))[1] == 4


async def test_a_corrupt_bucket_reads_as_full(store: Redis) -> None:
    """Somebody else's value is no reason to refuse."""
    await store.hset(BUCKET, mapping={"tokens": "junk", "at": "junk"})  # type: ignore[misc]
    assert (await take(store, 2, 1))[0]


async def test_an_idle_bucket_goes_away(store: Redis) -> None:
    """After the time to refill there is nothing to remember."""
    await take(store, 10, 2)
    assert 5_000 < await store.pttl(BUCKET) <= 6_000
