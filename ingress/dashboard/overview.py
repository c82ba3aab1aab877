"""How it goes, in one look: a fixed number of Redis commands, whatever has happened."""

import asyncio

from msgspec import Struct

from ingress.context import IngressContext
from ingress.dashboard import charts
from shared import breaker_log
from shared.history import History, Row, Wanted
from shared.ledger import DAY_S
from shared.load import Load
from shared.rates import MINUTE_S, Minutes, percentiles, total
from shared.totals import read_totals

WINDOW: int = 60
"""Minutes that charts show."""
RECENT: int = 12
SPEED_OVER: int = 5
"""Minutes that a rate is taken over."""
HITS = ("hit:exact", "hit:semantic", "hit:collapsed", "hit:stale")
Three = tuple[float | None, float | None, float | None]


class BreakerLine(Struct, frozen=True, kw_only=True):
    """A provider's breaker and its last hour."""

    provider: str
    phase: str
    failures: int
    calls: int
    wait_ms: int
    spans: tuple[charts.Span, ...]
    summary: str


class Overview(Struct, frozen=True, kw_only=True):
    """The state of everything: counts of the last hour, durations in ms, money in picodollars of today."""

    at_ms: int
    load: Load | None
    per_minute: float
    hit_share: float | None
    collapsed: int
    failed: int
    wait: Three
    run: Three
    saved: int
    spent: int
    mix: charts.Mix
    runs: charts.Lines
    breakers: tuple[BreakerLine, ...]
    recent: tuple[Row, ...]


async def look(ctx: IngressContext, history: History, minutes: Minutes) -> Overview:
    """Look once; raises RedisUnavailable."""
    current, counts = await minutes.latest(WINDOW)
    queues = (ctx.queue, *ctx.further_queues)
    deadline_s = 2 * ctx.settings.redis_timeout_s
    totals, page, changes = await asyncio.gather(
        read_totals(queues, current * MINUTE_S // DAY_S, deadline_s=deadline_s),
        history.settled(Wanted(), count=RECENT),
        breaker_log.changes(ctx.queue, deadline_s=deadline_s),
    )
    hits, misses = total(counts, *HITS), total(counts, "hit:miss", "failed")
    return Overview(
        at_ms=current * MINUTE_S * 1000,
        load=ctx.queue_watch.latest,
        per_minute=round(total(counts[-SPEED_OVER:], *HITS, "hit:miss", "failed") / SPEED_OVER, 1),
        hit_share=hits / (hits + misses) if hits + misses else None,
        collapsed=total(counts, "hit:collapsed"),
        failed=total(counts, "failed"),
        wait=_three(percentiles(counts, "wait", (0.5, 0.95, 0.99))),
        run=_three(percentiles(counts, "run", (0.5, 0.95, 0.99))),
        saved=sum(amount for measure, amount in totals.items() if measure.startswith("saved_")),
        spent=totals.get("cost", 0) + totals.get("embed_cost", 0),
        mix=charts.mix(counts),
        runs=charts.runs(counts),
        breakers=_breakers(ctx, changes),
        recent=page.rows,
    )


def _breakers(ctx: IngressContext, changes: breaker_log.Changes) -> tuple[BreakerLine, ...]:
    found = []
    for seen in ctx.breaker_watch.seen:
        of_it = [(at, became) for at, provider, became in changes.all if provider == seen.provider]
        opened = sum(became == "open" for _, became in of_it)
        found.append(
            BreakerLine(
                provider=seen.provider,
                phase=seen.phase,
                failures=seen.failures,
                calls=seen.calls,
                wait_ms=seen.wait_ms,
                spans=charts.spans(of_it, seen.phase, changes.now_ms),
                summary=f"{seen.phase.replace('_', ' ')} now, opened {opened} times in the last hour",
            )
        )
    return tuple(found)


def _three(found: list[float | None]) -> Three:
    first, second, third = found
    return first, second, third
