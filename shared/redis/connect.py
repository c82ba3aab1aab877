"""Connections to Redis that end in time: every command has a deadline, every start a few retries."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError as RedisConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    TimeoutError as RedisTimeoutError,
)

from shared.errors import RedisUnavailable
from shared.redis import scripts
from shared.settings import Settings

logger = logging.getLogger(__name__)

START_DELAYS_S = (1.0, 2.0, 4.0)
"""Pauses between attempts to reach Redis at start: it may be starting too."""


def connect(url: str, settings: Settings, *, client_name: str, blocking_s: float = 0.0) -> Redis:
    """Make a client with a pool of its own, which closes with it; nothing is sent yet."""
    return Redis.from_pool(pool(url, settings, client_name=client_name, blocking_s=blocking_s))


def pool(
    url: str, settings: Settings, *, client_name: str, blocking_s: float = 0.0
) -> BlockingConnectionPool:
    """Make connections whose every wait ends.

    `blocking_s` is the longest that a blocking command may rest on the server, added to the deadline.
    One immediate retry covers a connection that a Redis restart has closed; a timeout is not retried,
    because a paused Redis would only be waited for twice.
    """
    made: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url,
        max_connections=settings.redis_connections,
        timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s + blocking_s,
        socket_connect_timeout=settings.redis_timeout_s,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        retry_on_error=[RedisConnectionError],
        client_name=client_name,
        **_keepalive(url),
    )
    return made


def _keepalive(url: str) -> dict[str, Any]:
    # A Unix socket has no keepalive, and its connection class refuses the option.
    return {} if url.startswith("unix:") else {"socket_keepalive": True}


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn Redis trouble that passes into RedisUnavailable; a script's own error stays what it is."""
    try:
        yield
    except (
        RedisConnectionError,
        RedisTimeoutError,
        BusyLoadingError,
        ReadOnlyError,
        OutOfMemoryError,
        TimeoutError,
        OSError,
    ) as error:
        raise RedisUnavailable(
            f"Redis did not serve the request ({type(error).__name__}).", retry_after_s=1.0
        ) from error


async def wait_until_up(redis: Redis, role: str) -> None:
    """Reach a Redis and load the scripts into it, retrying after 1, 2 and 4 s; raises RedisUnavailable."""
    for delay in (*START_DELAYS_S, None):
        try:
            await redis.ping()
            await scripts.load_all(redis)
        except (RedisError, OSError) as error:
            if delay is None:
                raise RedisUnavailable(f"{role} Redis cannot be reached: {type(error).__name__}") from error
            logger.warning("redis unreachable, retrying", extra={"role": role, "delay_s": delay})
            await asyncio.sleep(delay)
        else:
            return
