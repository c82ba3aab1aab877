"""What keys have used, summed for people: by day, model or key; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from msgspec import Struct

from shared.ledger import DAY_S, Line
from shared.prices import usd

GroupBy = Literal["day", "model", "key"]
EPOCH = date(1970, 1, 1)
HITS = ("exact", "semantic", "collapsed", "stale")


class Money(Struct, frozen=True):
    """An amount: `usd` is null when nothing of it is known; `complete` says that nothing of it is unknown."""

    usd: float | None
    picodollars: int
    complete: bool


class Calls(Struct, frozen=True, kw_only=True):
    """Calls to a provider whose usage it told, their tokens and their known cost.

    `unpriced` of them had no known price. `doubtful` are not among them: they may be billed, and ended before
    anything of theirs was stored, or told no usage.
    """

    count: int
    unpriced: int
    doubtful: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost: Money


class Embeddings(Struct, frozen=True, kw_only=True):
    """Questions embedded, their tokens and their known cost."""

    count: int
    unpriced: int
    doubtful: int
    tokens: int
    cost: Money


class Hits(Struct, frozen=True):
    """Answers of one kind that needed no call, and what the calls had cost."""

    count: int
    saved: Money


class Summary(Struct, frozen=True, kw_only=True):
    """Everything of one group; `cost` is that of calls and embeddings together."""

    group: str
    cost: Money
    saved: Money
    calls: Calls
    embeddings: Embeddings
    hits: dict[str, Hits]


def summaries(lines: Iterable[Line], by: GroupBy) -> list[Summary]:
    """Sum the lines by group, in the groups' order."""
    groups: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines:
        _add(groups[_group(line, by)], line.amounts)
    return [_summary(name, amounts) for name, amounts in sorted(groups.items())]


def total(lines: Iterable[Line]) -> Summary:
    """Sum all lines."""
    amounts: dict[str, int] = defaultdict(int)
    for line in lines:
        _add(amounts, line.amounts)
    return _summary("total", amounts)


def date_of(day: int) -> date:
    """The date (UTC) of a day counted since 1970."""
    return EPOCH + timedelta(days=day)


def day_of(when: date) -> int:
    """Days from 1970 to a date."""
    return (when - EPOCH).days


def today(now_s: float) -> date:
    """The date (UTC) of a Unix time."""
    return datetime.fromtimestamp(now_s // DAY_S * DAY_S, UTC).date()


def _group(line: Line, by: GroupBy) -> str:
    return {"day": date_of(line.day).isoformat(), "model": line.model, "key": line.key_id}[by]


def _add(amounts: dict[str, int], further: Mapping[str, int]) -> None:
    for measure, amount in further.items():
        amounts[measure] += amount


def _summary(group: str, amounts: Mapping[str, int]) -> Summary:
    n = defaultdict(int, amounts)
    doubtful = n["doubts"] + n["unknown"]
    called = _money(n["cost"], known=n["calls"] - n["unpriced"], unknown=n["unpriced"] + doubtful)
    embedded = _money(
        n["embed_cost"],
        known=n["embed_calls"] - n["embed_unpriced"],
        unknown=n["embed_unpriced"] + n["embed_doubts"],
    )
    hits = sum(n[f"hits_{kind}"] for kind in HITS)
    return Summary(
        group=group,
        cost=_money(
            n["cost"] + n["embed_cost"],
            known=n["calls"] - n["unpriced"] + n["embed_calls"] - n["embed_unpriced"],
            unknown=n["unpriced"] + doubtful + n["embed_unpriced"] + n["embed_doubts"],
        ),
        saved=_money(
            sum(n[f"saved_{kind}"] for kind in HITS),
            known=hits - n["saved_unpriced"],
            unknown=n["saved_unpriced"],
        ),
        calls=Calls(
            count=n["calls"],
            unpriced=n["unpriced"],
            doubtful=doubtful,
            input_tokens=n["input_tokens"],
            cached_input_tokens=n["cached_input_tokens"],
            output_tokens=n["output_tokens"],
            reasoning_tokens=n["reasoning_tokens"],
            cost=called,
        ),
        embeddings=Embeddings(
            count=n["embed_calls"],
            unpriced=n["embed_unpriced"],
            doubtful=n["embed_doubts"],
            tokens=n["embed_tokens"],
            cost=embedded,
        ),
        hits={
            # Which kind the ones of no known cost were of is not kept: the sum says that it is incomplete.
            kind: Hits(n[f"hits_{kind}"], _money(n[f"saved_{kind}"], known=1, unknown=n["saved_unpriced"]))
            for kind in HITS
        },
    )


def _money(picodollars: int, *, known: int, unknown: int) -> Money:
    """`known` and `unknown` count what the amount is made of."""
    nothing_known = unknown > 0 and known <= 0
    return Money(None if nothing_known else usd(picodollars), picodollars, unknown == 0)
