"""The token bucket: never more than capacity + rate·t, never less than the rate (G7)."""

from itertools import accumulate
from random import Random

import pytest
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import run_pipeline, script

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


@pytest.mark.parametrize("store", ["redis-server"], indirect=True)
async def test_a_thousand_schedules_never_exceed_the_bound_and_match_the_model(store: Redis) -> None:
    """In every span t, at most capacity + rate * t; and each reply is what exact arithmetic says.

    Time passes by moving the bucket's own clock back, so that days fit in a second.
    """
    random = Random(20261125)
    over = 0
    for _ in range(1_000):
        capacity, refill = random.choice([(1, 0.3), (5, 1.667), (100, 1.667), (10, 50.0), (2.5, 0.7)])
        costs = [random.choice([1.0, 1.0, 0.1, 0.25, 2.0]) for _ in range(25)]
        gaps = [random.choice([0, 0, 1, 7, 333, 1_000, 60_000]) for _ in costs]
        over += exceeded(capacity, refill, costs, await replies(store, capacity, refill, costs, gaps))
    assert over == 0


async def replies(
    store: Redis, capacity: float, refill: float, costs: list[float], gaps: list[int]
) -> list[tuple[int, bool, float]]:
    """(time in ms, allowed, tokens left) of each take, in one round trip."""
    pipe = store.pipeline(transaction=False)
    pipe.delete(BUCKET)
    for cost, gap in zip(costs, gaps, strict=True):
        pipe.hincrby(BUCKET, "at", -gap)
        script("take_tokens").queue_on(pipe, [BUCKET], [capacity, refill, cost])
    taken = (await run_pipeline(store, pipe))[2::2]
    passed = list(accumulate(gaps))
    return [
        (int(now) + gap, bool(allowed), float(tokens))
        for (allowed, tokens, _, now), gap in zip(taken, passed, strict=True)
    ]


def exceeded(
    capacity: float, refill: float, costs: list[float], taken: list[tuple[int, bool, float]]
) -> bool:
    """Whether any span admitted more than the bound; fails where a reply is not the model's."""
    model, at = capacity, taken[0][0]
    admitted: list[tuple[int, float]] = []
    for cost, (now, allowed, tokens) in zip(costs, taken, strict=True):
        model, at = min(capacity, model + (now - at) * refill / 1000), now
        assert allowed == (model >= cost) or model == pytest.approx(cost, abs=1e-9)
        model -= cost if allowed else 0
        assert tokens == pytest.approx(model, abs=1e-6)
        if allowed:
            admitted.append((now, cost))
    return any(
        sum(cost for _, cost in admitted[i : j + 1])
        > capacity + refill * (admitted[j][0] - admitted[i][0]) / 1000 + 1e-6
        for i in range(len(admitted))
        for j in range(i, len(admitted))
    )


@pytest.mark.parametrize("poll_ms", [250, 500, 617, 1_100])
@pytest.mark.parametrize("store", ["redis-server"], indirect=True)
async def test_whoever_asks_often_gets_the_rate_within_one_percent(store: Redis, poll_ms: int) -> None:
    """Whatever the rhythm in which it asks: over an hour of 100 a minute, beyond the first burst."""
    polls = 3_600_000 // poll_ms
    taken = await replies(store, 100, 100 / 60, [1.0] * polls, [poll_ms] * polls)
    admitted = sum(allowed for _, allowed, _ in taken)
    lasted_s = (taken[-1][0] - taken[0][0]) / 1000
    due = min(polls, 100 + lasted_s * 100 / 60)
    assert admitted == pytest.approx(due, rel=0.01)
