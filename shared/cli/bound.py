"""`sentinel cache bound`: how often semantic hits are wrong, by tenant and policy, as far as is known."""

import asyncio
import sys
from collections.abc import Sequence

import msgspec

from shared.bound_report import Row, row_of
from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.errors import RedisUnavailable
from shared.masking import masked_url
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load
from shared.tallies import TallyStore

COLUMNS = ("tenant", "policy", "bound", "threshold", "wrong hits", "99 % interval", "hit share", "judged")


def run(*, as_json: bool) -> int:
    """Print the table, or on a pipe JSON; raises CannotStart without Redis."""
    rows = asyncio.run(_read(load()))
    if as_json or not sys.stdout.isatty():
        say(msgspec.json.encode(rows).decode())
    else:
        say(table(rows))
    return 0


def table(rows: Sequence[Row]) -> str:
    """Lay rows out in columns."""
    if not rows:
        return "Nothing was proposed yet."
    cells = [COLUMNS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    bound = "none" if row.max_false_hit_rate is None else f"{row.max_false_hit_rate:.1%}"
    if row.threshold is None:
        return (row.tenant, row.policy, bound, "learning", "-", "-", "0.0%", str(row.judged))
    interval = f"{row.lower:.2%} to {row.upper:.2%}"
    shares = (f"{row.wrong:.2%}", interval, f"{row.hit_share:.1%}")
    return (row.tenant, row.policy, bound, f"{row.threshold:.3f}", *shares, str(row.judged))


async def _read(settings: Settings) -> list[Row]:
    url = queue_url(settings)
    redis = connect.connect(url, settings, client_name="sentinel-cli")
    try:
        known = await TallyStore(redis, remembered=settings.bound_memory).all()
    except RedisUnavailable as error:
        raise CannotStart(f"Redis at {masked_url(url)}: {error.detail}") from error
    finally:
        await redis.aclose()
    return [row_of(one, settings) for one in known]
