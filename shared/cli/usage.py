"""`sentinel usage`: what a tenant has used, spent and saved, as a table; read from the ledger itself."""

import argparse
import asyncio
from datetime import date, timedelta

import msgspec
from redis.exceptions import RedisError

from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.clients import DEFAULT_TENANT
from shared.errors import RedisUnavailable
from shared.ledger import Ledger, Line
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load
from shared.usage_report import Money, Summary, date_of, day_of, summaries, total

DEFAULT_DAYS = 30
COLUMNS = ("calls", "input", "cached", "output", "hits", "cost $", "saved $", "unknown")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `--from`, `--to`, `--by`, `--tenant`, `--json`."""
    command.add_argument("--from", dest="since", type=_date, help="first day (UTC); default: 30 days")
    command.add_argument("--to", dest="until", type=_date, help="last day (UTC); default: today")
    command.add_argument("--by", choices=("day", "model", "key"), default="day", help="one row for each")
    command.add_argument("--tenant", default=DEFAULT_TENANT, help="whose; `-` is what was bought for nobody")
    command.add_argument("--json", action="store_true", help="print what GET /v1/usage answers")


def run(given: argparse.Namespace) -> int:
    """Print the table; raises CannotStart without Redis."""
    lines = asyncio.run(_read(load(), given))
    if given.json:
        rows = {"total": total(lines), "groups": summaries(lines, given.by)}
        say(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        say(table(summaries(lines, given.by), total(lines), given.by))
    return 0


def table(rows: list[Summary], whole: Summary, by: str) -> str:
    """Lay summaries out in columns, the sum last; `?`: nothing of it is known, `+`: not all of it."""
    cells = [(by, *COLUMNS), *map(_cells, rows), _cells(whole)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in cells
    )


async def _read(settings: Settings, given: argparse.Namespace) -> list[Line]:
    urls = (queue_url(settings), *settings.queue_urls[1:])
    queues = [connect.connect(url, settings, client_name="sentinel-cli") for url in urls]
    try:
        ledger = Ledger(queues)
        last = given.until or date_of(await ledger.today())
        first = given.since or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise CannotStart("--from is after --to")
        return await ledger.lines(given.tenant, range(day_of(first), day_of(last) + 1))
    except (RedisError, RedisUnavailable, OSError) as error:
        raise CannotStart(f"Redis does not answer: {type(error).__name__}") from error
    finally:
        for queue in queues:
            await queue.aclose()


def _cells(row: Summary) -> tuple[str, ...]:
    calls = row.calls
    counts = (calls.count, calls.input_tokens, calls.cached_input_tokens, calls.output_tokens)
    hits = sum(kind.count for kind in row.hits.values())
    unknown = calls.unpriced + calls.doubtful + row.embeddings.unpriced + row.embeddings.doubtful
    return (row.group, *map(str, (*counts, hits)), _dollars(row.cost), _dollars(row.saved), str(unknown))


def _dollars(money: Money) -> str:
    if money.usd is None:
        return "?"
    return f"{money.usd:.6f}{'' if money.complete else '+'}"


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date like 2026-11-24") from error
