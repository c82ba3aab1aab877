"""Budgets at the door: what a question may cost, and how a budget that is used up is told.

`X-Sentinel-Budget` is a structured field (RFC 9651): a list of budgets, with amounts in micro-dollars,
rounded up. With several queues, both limit and use are those of the queue that the question belongs to.
"""

import math

from ingress.context import IngressContext
from ingress.exchange import Exchange
from shared import metrics
from shared.budgets import MICRODOLLAR, Reservation, Standing, budgets_of, estimate, resets_at
from shared.clients import Client
from shared.errors import BudgetExceeded, PriceUnknown
from shared.prices import usd
from shared.providers import sellers_of
from shared.submissions import Submitted
from shared.wire.completion import Completion

HEADER = "X-Sentinel-Budget"


def reservation(ctx: IngressContext, client: Client, completion: Completion) -> Reservation:
    """What to set aside for a question; raises PriceUnknown under a hard budget that it could break."""
    settings = ctx.settings
    budgets = budgets_of(client, settings, ctx.budget_watch.own, queues=len(ctx.jobs))
    if not budgets:
        return Reservation()
    sellers = sellers_of(completion.model, settings)
    cost = estimate(sellers, completion, output_tokens=settings.budget_output_tokens)
    if cost is None and any(budget.hard is not None for budget in budgets):
        raise PriceUnknown(
            f"This key has a hard budget, and the price of {completion.model!r} is not known: "
            "the operator can add it (SENTINEL_PRICES_FILE)."
        )
    return Reservation(cost or 0, budgets)


def tell(exchange: Exchange, reserved: Reservation, submitted: Submitted) -> None:
    """Say in a header how the budgets stand; raises BudgetExceeded when one has no room for the question."""
    if not submitted.used:
        return
    created = submitted.verdict == "created"
    standings = [
        Standing(budget, used + (reserved.cost if created else 0))
        for budget, used in zip(reserved.budgets, submitted.used, strict=True)
    ]
    exchange.headers[HEADER] = ", ".join(_item(standing, submitted.now_ms) for standing in standings)
    if submitted.verdict == "broke":
        raise _refusal(standings, reserved.cost, submitted.now_ms)
    for standing in standings:
        if standing.over_soft:
            metrics.budget_soft_exceeded.labels(standing.budget.name).inc()


def _refusal(standings: list[Standing], cost: int, now_ms: int) -> BudgetExceeded:
    full = [standing for standing in standings if not standing.has_room_for(cost)]
    # The one that begins anew last is the one that the caller waits for.
    standing = max(full, key=lambda found: resets_at(found.budget.period, now_ms))
    budget, resets = standing.budget, resets_at(standing.budget.period, now_ms)
    metrics.budget_refusals.labels(budget.name).inc()
    return BudgetExceeded(
        f"The budget {budget.name} has no room for what this answer may cost ({usd(cost):.6f} $): "
        f"{usd(standing.used):.6f} of {usd(budget.hard):.6f} $ are spent or set aside until {resets:%F %T}Z. "
        "Stored answers are served all the same.",
        retry_after_s=resets.timestamp() - now_ms / 1000,
        extra={
            "budget": {
                "name": budget.name,
                "hard_usd": usd(budget.hard),
                "used_usd": usd(standing.used),
                "estimate_usd": usd(cost),
                "resets_at": resets.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        },
    )


def _item(standing: Standing, now_ms: int) -> str:
    budget = standing.budget
    limits = (("used", standing.used), ("soft", budget.soft), ("hard", budget.hard))
    told = "".join(f";{name}={-(-n // MICRODOLLAR)}" for name, n in limits if n is not None)
    left_s = math.ceil(resets_at(budget.period, now_ms).timestamp() - now_ms / 1000)
    return f'"{budget.name}"{told};t={left_s}{";over" if standing.over_soft else ""}'
