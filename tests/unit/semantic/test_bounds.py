"""The score that a bound asks for: learned, fresh to a second, stricter for who asks for it."""

from typing import cast

import pytest

from shared.error_bound import NEVER, Tally, judged, nothing_seen, proposed
from shared.tallies import TallyStore
from workers.semantic.bounds import RECHECK_S, Bounds

pytestmark = pytest.mark.anyio


class Tallies:
    """A store whose tallies the test writes."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[Tally, ...]] = {}
        self.reads = 0

    async def read(self, tenant: str, _: str) -> tuple[Tally, ...]:
        """Give what the test wrote."""
        self.reads += 1
        return self.known.get(tenant, nothing_seen())


class Clock:
    """Time as the test says."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def seen(right: int, wrong: int, chance: float = 0.97) -> tuple[Tally, ...]:
    """Tallies of judged pairs of one chance."""
    tallies = nothing_seen()
    for number in range(right + wrong):
        tallies = judged(proposed(tallies, chance), chance, right=number < right)
    return tallies


def bounds(store: Tallies, most_wrong: float | None, clock: Clock | None = None) -> Bounds:
    """Bounds over that store."""
    return Bounds(cast("TallyStore", store), "verified-1@x", most_wrong=most_wrong, clock=clock or Clock())


async def test_without_a_bound_nothing_is_read_and_the_policy_decides() -> None:
    """No round trip is paid for what nobody asked for."""
    store = Tallies()
    assert await bounds(store, None).needed("t", None) is None
    assert store.reads == 0


async def test_nothing_hits_until_enough_is_known() -> None:
    """And then it does, for the tenant whose traffic taught it."""
    store = Tallies()
    assert await bounds(store, 0.05).needed("t", None) == NEVER
    store.known["t"] = seen(600, 3)
    subject = bounds(store, 0.05)
    needed = await subject.needed("t", None)
    assert needed is not None
    assert needed <= 0.97
    assert await subject.needed("another", None) == NEVER


async def test_wrong_hits_tighten_the_policy_within_a_second() -> None:
    """What another worker learned counts from the next look on."""
    store, clock = Tallies(), Clock()
    store.known["t"] = seen(600, 3)
    subject = bounds(store, 0.05, clock)
    before = await subject.needed("t", None)
    store.known["t"] = seen(600, 90)
    assert await subject.needed("t", None) == before
    clock.now += RECHECK_S
    after = await subject.needed("t", None)
    assert before is not None
    assert after is not None
    assert before <= 0.97 < after


@pytest.mark.parametrize(
    ("own", "asked", "effective"),
    [(0.02, 0.01, 0.01), (0.02, 0.3, 0.02), (0.02, None, 0.02), (None, 0.1, 0.1)],
)
def test_a_caller_may_be_stricter_and_never_laxer(
    own: float | None, asked: float | None, effective: float
) -> None:
    """The settings' bound is a ceiling."""
    assert bounds(Tallies(), own).most_wrong(asked) == effective


async def test_a_bound_of_nothing_wrong_serves_nothing() -> None:
    """No number of right answers proves that none is ever wrong."""
    store = Tallies()
    store.known["t"] = seen(5_000, 0)
    assert await bounds(store, 0.05).needed("t", 0.0) == NEVER
