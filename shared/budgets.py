"""Budgets: what a key and a tenant may spend a day and a month (UTC), and what a job may come to cost; pure.

What is counted is what the ledger has booked in the period and what is set aside for jobs in work. Money is
set aside in the script that creates a job, so that callers at the same time cannot take the same last dollar;
a hard budget is then exceeded at most by how much the estimates were too low.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from msgspec import Struct

from shared.clients import Client
from shared.own_budgets import HOLDERS, Holder, OwnBudget
from shared.prices import picodollars, price_of
from shared.settings import Settings
from shared.wire.completion import Completion
from shared.wire.outcome import Usage

Period = Literal["day", "month"]
PERIODS: Final[tuple[Period, ...]] = ("day", "month")
BYTES_PER_TOKEN: Final = 3
"""English has four or five bytes a token, Chinese about three: an estimate that is rather too high."""
TEMPLATE_TOKENS: Final = 100
"""What a provider adds to a conversation: roles, separators, and its own system text."""
MICRODOLLAR: Final = 10**6
"""In picodollars."""


class Budget(Struct, frozen=True, kw_only=True):
    """One limit, in picodollars: above `soft` it is told, above `hard` nothing more is bought."""

    name: str
    period: Period
    who: str
    soft: int | None
    hard: int | None


class Reservation(Struct, frozen=True):
    """What a job may cost, in picodollars, and the budgets that must have room for it."""

    cost: int = 0
    budgets: tuple[Budget, ...] = ()

    def arguments(self) -> list[str | int]:
        """The budgets as the submit script takes them."""
        each = ((b.period[0], b.who, "" if b.hard is None else b.hard) for b in self.budgets)
        return [part for budget in each for part in budget]


class Standing(Struct, frozen=True):
    """A budget, and what of it is spent or set aside, in picodollars."""

    budget: Budget
    used: int

    @property
    def over_soft(self) -> bool:
        """Whether the soft limit is passed."""
        return self.budget.soft is not None and self.used > self.budget.soft

    def has_room_for(self, cost: int) -> bool:
        """Whether the hard limit allows one more job of this cost."""
        return self.budget.hard is None or self.used + cost <= self.budget.hard


def budgets_of(
    client: Client, settings: Settings, own: Mapping[str, OwnBudget], *, queues: int = 1
) -> tuple[Budget, ...]:
    """The budgets of a caller: what its tenant or key has of its own, or what the settings give everybody.

    Each of several queues knows its own jobs only, and may spend its part: the parts never exceed the whole.
    """
    names = {"key": client.key_id, "tenant": client.tenant}
    found = []
    for holder, prefix in HOLDERS.items():
        who = prefix + names[holder]
        limits = own.get(who) or settings_budget(settings, holder)
        for period in PERIODS:
            soft, hard = (_part(getattr(limits, f"{period}_{kind}_usd"), queues) for kind in ("soft", "hard"))
            if soft is not None or hard is not None:
                found.append(Budget(name=f"{holder}-{period}", period=period, who=who, soft=soft, hard=hard))
    return tuple(found)


def settings_budget(settings: Settings, holder: Holder) -> OwnBudget:
    """What the settings give every tenant, or every key."""
    amounts = {
        f"{period}_{kind}_usd": getattr(settings, f"budget_{holder}_{period}_{kind}_usd")
        for period in PERIODS
        for kind in ("soft", "hard")
    }
    return OwnBudget(**amounts)


def estimate(sellers: Sequence[tuple[str, str]], completion: Completion, *, output_tokens: int) -> int | None:
    """The most that a question is likely to cost, in picodollars; None when one of its prices is not known.

    `sellers` are the (provider, its name of the model) that may be asked; `output_tokens` is assumed of a
    question that does not limit its answer.
    """
    usage = tokens_of(completion, output_tokens=output_tokens)
    prices = [price_of(provider, model, input_tokens=usage.input_tokens) for provider, model in sellers]
    known = [price.of(usage) for price in prices if price is not None]
    return max(known) if known and len(known) == len(prices) else None


def tokens_of(completion: Completion, *, output_tokens: int) -> Usage:
    """The tokens that a question is likely to take at most."""
    spoken = sum(len(message.content.encode()) for message in completion.messages)
    tokens = math.ceil(spoken / BYTES_PER_TOKEN) + TEMPLATE_TOKENS
    return Usage(tokens, completion.max_tokens or output_tokens)


def resets_at(period: Period, now_ms: int) -> datetime:
    """When a period ends, in UTC."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return day + timedelta(days=1)
    return day.replace(year=day.year + day.month // 12, month=day.month % 12 + 1, day=1)


def _part(usd: float | None, queues: int) -> int | None:
    return None if usd is None else picodollars(usd) // queues
