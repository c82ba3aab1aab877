"""What commands that operate a fleet share: its queues, an audit log entry, and tables."""

import asyncio
import getpass
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.audit import AuditLog
from shared.cli.dead import queue_url
from shared.cli.errors import CannotStart
from shared.cli.terminal import say
from shared.errors import RedisUnavailable, SentinelError
from shared.redis import connect
from shared.settings import Settings
from shared.settings.loading import load


class Fleet(Struct, frozen=True):
    """The queue Redis servers of the fleet that the settings name."""

    settings: Settings
    queues: tuple[Redis, ...]
    cache: Redis

    async def note(self, action: str, subject: str) -> None:
        """Write into the audit log what this user is about to do."""
        log = AuditLog(self.queues[0], kept=self.settings.audit_kept)
        by = f"{getpass.getuser()}@{socket.gethostname()}"
        await log.note(by=by, role="command line", action=action, subject=subject)


def with_fleet(work: Callable[[Fleet], Awaitable[int]]) -> int:
    """Connect, do the work, disconnect; raises CannotStart for what cannot be done."""
    return asyncio.run(_with_fleet(load(), work))


async def _with_fleet(settings: Settings, work: Callable[[Fleet], Awaitable[int]]) -> int:
    urls = (queue_url(settings), *settings.queue_urls[1:])
    queues = tuple(connect.connect(url, settings, client_name="sentinel-cli") for url in urls)
    cache = connect.connect(settings.cache_redis_url or urls[0], settings, client_name="sentinel-cli")
    try:
        return await work(Fleet(settings, queues, cache))
    except (RedisUnavailable, RedisError, OSError) as error:
        raise CannotStart(
            f"Redis does not answer: {getattr(error, 'detail', type(error).__name__)}"
        ) from error
    except SentinelError as error:
        raise CannotStart(error.detail) from error
    finally:
        for client in (*queues, cache):
            await client.aclose()


def show(rows: object, columns: Sequence[str], cells: Sequence[Sequence[str]], *, as_json: bool) -> None:
    """Print a table on a terminal, and JSON elsewhere or when it was asked for."""
    if as_json or not sys.stdout.isatty():
        say(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        say(table(columns, cells))


def table(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Lay rows out under their columns."""
    lines = [tuple(columns), *map(tuple, cells)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
