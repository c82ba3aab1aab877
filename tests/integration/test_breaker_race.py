"""Half open, across processes (G6)."""

from tests.bench.breaker import POLICY, calls_until_open, crash, false_opens, race
from tests.support.redis_process import RedisProcess


def test_exactly_one_probe_passes_per_cooldown_across_the_fleet(redis_server: RedisProcess) -> None:
    """`make bench-breaker` runs a thousand rounds of it."""
    assert race(redis_server.url, processes=4, rounds=50) == [1] * 50


def test_a_dead_probe_holder_delays_the_next_by_at_most_its_permit_lease(redis_server: RedisProcess) -> None:
    """Its renewals die with it. The bound allows for a busy machine."""
    assert crash(redis_server.url) < POLICY.permit_ms / 1000 + 2


def test_ordinary_errors_open_nothing_and_an_outage_opens_soon() -> None:
    """One call in twenty fails every day; four in five is an outage."""
    assert false_opens(100_000, 0.05, seed=1) == 0
    assert max(calls_until_open(0.8, seed) for seed in range(200)) <= 25
