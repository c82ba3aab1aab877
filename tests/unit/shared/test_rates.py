"""Counts by minute, and what percentiles are read from them."""

import fakeredis
import pytest
from redis.exceptions import ConnectionError as Gone

from shared.rates import Minutes, Rates, duration_class, percentiles, total

pytestmark = pytest.mark.anyio


def test_percentiles_err_by_a_tenth_at_most() -> None:
    """Whatever the scale."""
    for scale in (1, 40, 2_000, 90_000):
        counts: dict[str, int] = {}
        for n in range(1, 1_001):
            name = f"run:{duration_class(n * scale)}"
            counts[name] = counts.get(name, 0) + 1
        for share, found in zip(
            (0.5, 0.95, 0.99), percentiles([counts], "run", (0.5, 0.95, 0.99)), strict=True
        ):
            assert found == pytest.approx(share * 1_000 * scale, rel=0.1)


def test_nothing_counted_has_no_percentiles() -> None:
    """Nothing is not zero."""
    assert percentiles([{}, {"wait:3": 0}], "run", (0.5,)) == [None]


async def test_what_two_processes_count_adds_up() -> None:
    """In the minute that it is."""
    redis = fakeredis.FakeAsyncRedis()
    one, other = Rates(redis), Rates(redis)
    one.count("completed")
    other.count("completed")
    other.took("run", 100)
    await one.write()
    await other.write()
    _, found = await Minutes(redis).latest(2)
    assert total(found, "completed") == 2
    assert percentiles(found, "run", (1.0,)) == [pytest.approx(100, rel=0.2)]


async def test_counts_wait_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """And are written when it is back."""
    redis = fakeredis.FakeAsyncRedis()
    rates = Rates(redis)

    async def away() -> None:
        raise Gone

    rates.count("completed")
    with monkeypatch.context() as broken:
        broken.setattr(redis, "time", away)
        await rates.write()
    await rates.write()
    _, found = await Minutes(redis).latest(2)
    assert total(found, "completed") == 1
