"""Budgets: whose, until when, and what a question may come to cost."""

from datetime import UTC, datetime

import pytest

from shared.budgets import Budget, Standing, budgets_of, estimate, resets_at
from shared.clients import Client
from shared.own_budgets import OwnBudget
from shared.prices import picodollars
from shared.settings import Settings
from shared.wire.completion import Completion, Message

pytestmark = pytest.mark.unit
CLIENT = Client(key_id="key_1", tenant="acme", scopes=("query",))


def ms(text: str) -> int:
    """Unix time in ms of a date and time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_only_budgets_that_are_set_are_held() -> None:
    """Nothing is counted for those who limit nothing."""
    assert budgets_of(CLIENT, Settings(), {}) == ()
    settings = Settings(budget_key_day_soft_usd=1, budget_tenant_month_hard_usd=2.5)
    assert budgets_of(CLIENT, settings, {}) == (
        Budget(name="key-day", period="day", who="k:key_1", soft=picodollars(1), hard=None),
        Budget(name="tenant-month", period="month", who="t:acme", soft=None, hard=picodollars(2.5)),
    )


def test_an_own_budget_stands_in_place_of_all_that_the_settings_give() -> None:
    """Also where it has no limit; another holder's does not."""
    settings = Settings(
        budget_key_day_hard_usd=1, budget_tenant_day_hard_usd=1, budget_tenant_month_hard_usd=9
    )
    own = {"t:acme": OwnBudget(day_hard_usd=5), "t:other": OwnBudget(), "k:key_2": OwnBudget()}
    assert budgets_of(CLIENT, settings, own) == (
        Budget(name="key-day", period="day", who="k:key_1", soft=None, hard=picodollars(1)),
        Budget(name="tenant-day", period="day", who="t:acme", soft=None, hard=picodollars(5)),
    )
    assert budgets_of(CLIENT, settings, {"t:acme": OwnBudget(), "k:key_1": OwnBudget()}) == ()


def test_the_parts_of_several_queues_never_exceed_the_whole() -> None:
    """Each queue knows its own jobs alone."""
    [budget] = budgets_of(CLIENT, Settings(budget_key_day_hard_usd=1), {}, queues=3)
    assert budget.hard is not None
    assert 3 * budget.hard <= picodollars(1) < 3 * (budget.hard + 1)


@pytest.mark.parametrize(
    ("period", "now", "ends"),
    [
        ("day", "2026-11-24T00:00:00", "2026-11-25T00:00:00"),
        ("day", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2026-11-24T12:00:00", "2026-12-01T00:00:00"),
        ("month", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_period_ends_with_the_utc_calendar(period: str, now: str, ends: str) -> None:
    """As the provider's own bill does."""
    assert resets_at(period, ms(now)) == datetime.fromisoformat(ends).replace(tzinfo=UTC)  # type: ignore[arg-type]


def test_a_standing_knows_its_soft_limit_and_its_room() -> None:
    """Up to the limit there is room; the limit itself is not passed."""
    budget = Budget(name="b", period="day", who="k:x", soft=50, hard=100)
    assert [Standing(budget, used).over_soft for used in (50, 51)] == [False, True]
    assert [Standing(budget, 60).has_room_for(cost) for cost in (40, 41)] == [True, False]


def test_an_estimate_is_the_dearest_of_whoever_may_answer_and_unknown_if_one_is() -> None:
    """A fallback may cost more than the first."""
    asked = Completion(model="m", messages=(Message("user", "x" * 300),), max_tokens=10)
    cheap, dear = ("groq", "openai/gpt-oss-20b"), ("groq", "openai/gpt-oss-120b")
    found = {
        name: estimate(sellers, asked, output_tokens=999)
        for name, sellers in {
            "cheap": [cheap],
            "dear": [dear],
            "both": [cheap, dear],
            "one unknown": [cheap, ("groq", "no-such-model")],
            "none": [],
        }.items()
    }
    assert found["cheap"] == 200 * 75_000 + 10 * 300_000
    assert found["both"] == found["dear"] != found["cheap"]
    assert found["one unknown"] is found["none"] is None
