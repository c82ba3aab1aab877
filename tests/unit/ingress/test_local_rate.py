"""While the queue Redis is away, each ingress admits its part of a key's rate, and no more."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings, strategies as st

from ingress.local_rate import LOOK_AGAIN_S, Bucket, LocalRate, take
from ingress.rate import Rate
from shared.errors import RedisUnavailable
from shared.settings import Settings
from shared.tiers import Tier, tiers_of

pytestmark = pytest.mark.unit
TIER: Tier = tiers_of(Settings(rate_capacity=10, rate_refill_per_s=2)).of("default")
SHARED = Rate(allowed=True, tokens=9, wait_ms=0, now_ms=5, capacity=10, refill_per_s=2)


@dataclass
class Shared:
    """Shared buckets that may be away, and a clock."""

    away: bool = False
    asked: int = 0
    now: float = 100.0

    async def ask(self) -> Rate:
        """Answer, unless away."""
        self.asked += 1
        if self.away:
            raise RedisUnavailable("away")
        return SHARED


def admitted(local: LocalRate, shared: Shared, times: int) -> list[bool]:
    """Ask for a token so often, at this moment."""

    async def ask() -> list[bool]:
        return [(await local.admit("k", TIER, 1, shared.ask)).allowed for _ in range(times)]

    return asyncio.run(ask())


def test_the_shared_buckets_decide_while_they_are_there() -> None:
    """And again as soon as they are back."""
    shared = Shared()
    local = LocalRate(lambda: 2, clock=lambda: shared.now)
    assert admitted(local, shared, 2) == [True, True]
    shared.away = True
    assert admitted(local, shared, 1) == [False]
    assert local.away
    shared.away = False
    shared.now += LOOK_AGAIN_S
    assert admitted(local, shared, 1) == [True]
    assert not local.away


def test_one_request_a_second_waits_for_a_redis_that_is_away() -> None:
    """All others are decided upon at once, at half the rate of two ingresses: one token a second."""
    shared = Shared(away=True)
    local = LocalRate(lambda: 2, clock=lambda: shared.now)
    assert admitted(local, shared, 5) == [False] * 5
    assert shared.asked == 1
    shared.now += 3
    assert admitted(local, shared, 5) == [True] * 3 + [False] * 2
    assert shared.asked == 2


@settings(max_examples=200, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 30), min_size=1, max_size=60),
    parts=st.integers(1, 12),
    cost=st.sampled_from([0.1, 0.5, 1.0]),
)
def test_parts_together_never_admit_more_than_the_rate(gaps: list[float], parts: int, cost: float) -> None:
    """A bucket starts empty, as nobody knows what the shared one held: only the refill is admitted."""
    bucket: Bucket | None = None
    now, total = 0.0, 0.0
    for gap in gaps:
        now += gap
        allowed, bucket = take(bucket, TIER, cost, now=now, parts=parts)
        total += cost if allowed else 0
    assert total <= (now - gaps[0]) * TIER.rate_per_s / parts + 1e-6
