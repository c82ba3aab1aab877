"""Tokens taken ahead admit no more than the bucket promises, and are not wasted on keys that are not busy."""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import given, settings as hypothesis_settings, strategies as st

from ingress.shortcut.leases import BUSY, Granted, Leases
from shared.clients import Client
from shared.settings import Settings
from shared.tiers import Tier, tiers_of

LEASE_S = 0.25
CLIENT = Client("key_1", "acme")


def tier_of(burst: float, rate: float, hit_cost: float = 1.0) -> Tier:
    """A tier with these limits."""
    settings = Settings(rate_capacity=burst, rate_refill_per_s=rate, rate_hit_cost=hit_cost)
    return tiers_of(settings).of("default")


@dataclass
class Bucket:
    """The bucket of lease_tokens.lua and take_tokens.lua, as a model."""

    capacity: float
    rate: float
    clock: Callable[[], float]
    tokens: float = 0.0
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.capacity

    def take(self, wanted: int) -> int:
        """Grant as many whole tokens as are there."""
        now = self.clock()
        self.tokens = min(self.capacity, self.tokens + (now - self.at) * self.rate)
        self.at = now
        granted = min(wanted, int(self.tokens))
        self.tokens -= granted
        return granted


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def hit(leases: Leases, bucket: Bucket, tier: Tier, clock: Clock) -> bool:
    """One hit as the shortcut admits it: with a leased token, or with one from the bucket."""
    if leases.spend(CLIENT, tier, bucket.capacity) is not None:
        return True
    if not bucket.take(1):
        return False
    wanted = leases.wanted(CLIENT, tier, bucket.capacity)
    if wanted:
        granted = bucket.take(wanted)
        leases.granted(CLIENT, Granted(granted, bucket.tokens, int(clock() * 1000)), clock())
    return True


@given(
    pauses=st.lists(st.floats(0, 0.4), min_size=1, max_size=120),
    crowd=st.integers(1, 30),
    burst=st.integers(5, 200),
    rate=st.floats(0.1, 15.0),
)
@hypothesis_settings(max_examples=150)
def test_whatever_is_asked_no_span_admits_more_than_the_bucket_promises(
    pauses: list[float], crowd: int, burst: int, rate: float
) -> None:
    """Capacity + rate·t, over two ingresses that hold leases of one key."""
    clock = Clock()
    tier = tier_of(burst, rate)
    bucket = Bucket(burst - rate * LEASE_S, rate, clock)
    ingresses = [Leases(LEASE_S, clock), Leases(LEASE_S, clock)]
    admitted: list[float] = []
    for number, pause in enumerate(pauses):
        clock.now += pause
        asked = [hit(ingresses[(number + one) % 2], bucket, tier, clock) for one in range(crowd)]
        admitted += [clock.now] * sum(asked)
    for first, start in enumerate(admitted):
        for count, end in enumerate(admitted[first:], start=1):
            assert count <= burst + rate * (end - start) + 1e-6


def test_a_busy_key_asks_redis_once_for_many_hits() -> None:
    """A thousand hits a second are a few calls."""
    clock = Clock()
    tier, leases = tier_of(100_000, 10_000), Leases(LEASE_S, clock)
    bucket = Bucket(100_000 - 10_000 * LEASE_S, 10_000, clock)
    leased = 0
    for _ in range(1_000):
        clock.now += 0.001
        if leases.spend(CLIENT, tier, bucket.capacity) is not None:
            leased += 1
        else:
            hit(leases, bucket, tier, clock)
    assert leased > 900


def test_a_quiet_key_takes_nothing_ahead() -> None:
    """It would lose it."""
    clock = Clock()
    tier, leases = tier_of(100, 1.667), Leases(LEASE_S, clock)
    for _ in range(10 * BUSY):
        clock.now += LEASE_S / 2
        assert leases.wanted(CLIENT, tier, 99.5) == 0


def test_hits_that_cost_nothing_and_buckets_without_room_lease_nothing() -> None:
    """There is nothing to take, or no room for what is spent late."""
    for tier, burst in ((tier_of(100, 1.667, hit_cost=0.0), 99.5), (tier_of(1, 10), 1.0)):
        leases = Leases(LEASE_S, Clock())
        assert [leases.wanted(CLIENT, tier, burst) for _ in range(4 * BUSY)] == [0] * 4 * BUSY


def test_a_lease_ends_in_time_and_is_then_lost() -> None:
    """Counted from before it was asked for."""
    clock = Clock()
    tier, leases = tier_of(1000, 10), Leases(LEASE_S, clock)
    leases.granted(CLIENT, Granted(5, 900.0, 1_000), asked_at=0.0)
    clock.now = LEASE_S - 0.001
    rate = leases.spend(CLIENT, tier, 997.5)
    assert rate is not None
    assert (rate.tokens, rate.now_ms, rate.capacity) == (904.0, 1_249, 997.5)
    clock.now = LEASE_S
    assert leases.spend(CLIENT, tier, 997.5) is None


def test_a_lease_that_failed_is_asked_for_again() -> None:
    """At the next hit, and not twice at a time."""
    tier, leases = tier_of(1000, 10), Leases(LEASE_S, Clock())
    wanted = [leases.wanted(CLIENT, tier, 997.5) for _ in range(BUSY + 1)]
    assert wanted == [*[0] * (BUSY - 1), BUSY // 2, 0]
    leases.granted(CLIENT, None, asked_at=0.0)
    assert leases.wanted(CLIENT, tier, 997.5) > 0
