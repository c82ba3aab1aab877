"""Own budgets: set, followed by version, bounded, removed."""

import pytest
from redis.asyncio import Redis

from shared import own_budgets
from shared.errors import BadRequest, NotFound, TooManyBudgets
from shared.own_budgets import OwnBudget, OwnBudgets

pytestmark = pytest.mark.anyio


async def test_a_change_is_seen_by_who_follows_and_costs_one_field_otherwise(store: Redis) -> None:
    """What has not changed is not read again."""
    budgets = OwnBudgets(store)
    known = await budgets.all()
    assert known.budgets == {}
    assert await budgets.since(known) is known
    await budgets.put("tenant", "acme", OwnBudget(day_hard_usd=0.5))
    seen = await budgets.since(known)
    assert seen.budgets == {"t:acme": OwnBudget(day_hard_usd=0.5)}
    assert await budgets.since(seen) is seen
    await budgets.put("tenant", "acme", OwnBudget(month_soft_usd=3))
    assert (await budgets.since(seen)).budgets == {"t:acme": OwnBudget(month_soft_usd=3)}
    await budgets.remove("tenant", "acme")
    assert (await budgets.since(seen)).budgets == {}
    with pytest.raises(NotFound):
        await budgets.remove("tenant", "acme")


async def test_there_are_at_most_so_many(store: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every ingress keeps all of them; those there are can still be changed."""
    monkeypatch.setattr(own_budgets, "BUDGETS_MAX", 2)
    budgets = OwnBudgets(store)
    for name in ("a", "b"):
        await budgets.put("key", name, OwnBudget())
    with pytest.raises(TooManyBudgets):
        await budgets.put("key", "c", OwnBudget())
    await budgets.put("key", "b", OwnBudget(day_hard_usd=1))
    assert (await budgets.all()).budgets == {"k:a": OwnBudget(), "k:b": OwnBudget(day_hard_usd=1)}


@pytest.mark.parametrize(
    ("name", "budget"),
    [("acme", OwnBudget(day_soft_usd=2, day_hard_usd=1)), ("a b", OwnBudget()), ("", OwnBudget())],
)
async def test_what_cannot_be_is_refused(store: Redis, name: str, budget: OwnBudget) -> None:
    """A soft limit over the hard one is never told; a name that no tenant can have is a slip."""
    with pytest.raises(BadRequest):
        await OwnBudgets(store).put("tenant", name, budget)
