"""Opens the shortcut of a process: its connections, and the log of its hits."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from ingress.access_log import AccessLog
from ingress.context import IngressContext
from ingress.shortcut.looking import Looking
from ingress.shortcut.path import Shortcut
from shared.redis import connect
from shared.redis.multiplex import Multiplex

CALLS_MAX: Final = 10_000
"""More than wait at once while Redis answers; when it does not, callers shall not pile up."""


@asynccontextmanager
async def shortcut_of(ctx: IngressContext) -> AsyncIterator[Shortcut]:
    """Open it for as long as the block runs; connections are made when they are first used."""
    settings = ctx.settings
    async with AsyncExitStack() as stack:
        log = AccessLog(asyncio.get_running_loop())
        stack.callback(log.write)

        def shared(url: str) -> Multiplex:
            pool = connect.pool(url, settings, client_name="shortcut")
            line = Multiplex(pool, timeout_s=settings.redis_timeout_s, calls_max=CALLS_MAX)
            stack.push_async_callback(line.aclose)
            return line

        queue = shared(settings.redis_url)
        cache = None if ctx.cache is ctx.queue else shared(settings.cache_url)
        yield Shortcut(ctx, Looking(ctx.admission, queue, cache), log)
