"""The fleet's pace towards a provider, and its retry budget."""

import pytest
from redis.asyncio import Redis

from shared.errors import ProviderPaced
from shared.pacing import Line, Pacing
from shared.providers_file import Limits
from shared.redis import keys
from shared.retry_budget import RetryBudget
from shared.settings import Settings

pytestmark = pytest.mark.anyio
FREE_TIER = Line("groq", "m", Limits(rpm=30, tpm=8_000))
UNLIMITED = Line("groq", "m")


def pacing(store: Redis) -> Pacing:
    """One worker's view."""
    return Pacing(store, Settings(pause_default_s=1, pause_max_s=60))


async def test_a_minutes_worth_goes_at_once_and_the_next_waits_its_turn(store: Redis) -> None:
    """Thirty a minute are one every two seconds, once the burst is used up; order is kept."""
    fleet = [pacing(store), pacing(store)]
    turns = [await fleet[n % 2].take_turn(FREE_TIER, tokens=1, patience_s=10) for n in range(33)]
    assert [turn.wait_s for turn in turns[:30]] == [0.0] * 30
    assert [turn.wait_s for turn in turns[30:]] == pytest.approx([2, 4, 6], abs=0.5)


async def test_a_turn_beyond_ones_patience_is_refused_and_takes_nothing(store: Redis) -> None:
    """The refusal says when there is room, truthfully."""
    worker = pacing(store)
    await worker.take_turn(FREE_TIER, tokens=8_000, patience_s=0)
    for _ in range(3):
        with pytest.raises(ProviderPaced) as refused:
            await worker.take_turn(FREE_TIER, tokens=4_000, patience_s=1)
        assert refused.value.retry_after_s == pytest.approx(30, abs=1)
        assert "tokens" in refused.value.detail


async def test_what_a_call_did_not_use_is_there_for_the_next(store: Redis) -> None:
    """An estimate is corrected by the provider's own count."""
    worker = pacing(store)
    turn = await worker.take_turn(FREE_TIER, tokens=8_000, patience_s=0)
    await worker.used(turn, 1_000)
    assert (await worker.take_turn(FREE_TIER, tokens=6_900, patience_s=0)).wait_s == 0


async def test_a_turn_that_nobody_used_goes_back(store: Redis) -> None:
    """Its request and its tokens."""
    worker = pacing(store)
    for _ in range(100):
        await worker.give_back(await worker.take_turn(FREE_TIER, tokens=8_000, patience_s=0))


async def test_a_refusal_for_rate_holds_the_whole_fleet_for_as_long_as_it_says(store: Redis) -> None:
    """No other worker needs to be refused to know."""
    await pacing(store).pause(UNLIMITED, 7)
    with pytest.raises(ProviderPaced) as refused:
        await pacing(store).take_turn(UNLIMITED, tokens=1, patience_s=5)
    assert refused.value.retry_after_s == pytest.approx(7, abs=0.5)
    assert (await pacing(store).take_turn(UNLIMITED, tokens=1, patience_s=10)).wait_s > 6
    assert (await pacing(store).take_turn(Line("groq", "another"), tokens=1, patience_s=0)).wait_s == 0


async def test_a_pause_is_never_longer_than_allowed_nor_shortened_by_another_refusal(store: Redis) -> None:
    """Whatever the provider says."""
    assert await pacing(store).pause(UNLIMITED, 86_400) == pytest.approx(60)
    assert await pacing(store).pause(UNLIMITED, 1) == pytest.approx(60, abs=1)


async def test_refusals_without_a_time_pause_once_for_those_under_way_together(store: Redis) -> None:
    """Ten calls refused at once are one event, and no doubling."""
    waits = [await pacing(store).pause(UNLIMITED, None) for _ in range(10)]
    assert max(waits) <= 1


async def test_retries_are_a_tenth_of_the_questions(store: Redis) -> None:
    """The start is granted, then one for each ten sent, over all processes."""
    settings = Settings(retry_budget_ratio=0.1, retry_budget_start=2, retry_budget_max=100)
    first, second = RetryBudget(store, settings), RetryBudget(store, settings)
    assert [await first.withdraw() for _ in range(3)] == [True, True, False]
    for _ in range(15):
        first.earn()
        second.earn()
    assert [await (first, second)[n % 2].withdraw() for n in range(5)] == [True, True, True, False, False]


@pytest.mark.parametrize("spoilt", [b"garbage", b"", b"nan"])
async def test_a_spoilt_budget_begins_anew(store: Redis, spoilt: bytes) -> None:
    """Nobody's question fails for it."""
    await store.set(keys.retry_budget(), spoilt)
    budget = RetryBudget(store, Settings(retry_budget_start=1))
    assert [await budget.withdraw() for _ in range(2)] == [True, False]
