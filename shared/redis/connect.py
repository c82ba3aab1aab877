"""Connections to Redis that end in time: every command has a deadline, every start a few retries."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError as RedisConnectionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TimeoutError as RedisTimeoutError,
)

from shared.errors import RedisUnavailable
from shared.masking import masked_url
from shared.redis import refusals, scripts
from shared.redis.connection_pool import FairPool
from shared.redis.refusals import Refused
from shared.settings import Settings

logger = logging.getLogger(__name__)

START_DELAYS_S = (1.0, 2.0, 4.0)
"""Pauses between attempts to reach Redis at start: it may be starting too."""

RECONNECT_ON = (RedisConnectionError, ReadOnlyError)
"""Worth one more attempt on a fresh connection: the old one was cut, or leads to a demoted server."""

# Nobody writes on a subscription: without probes its silent loss would be noticed after two hours.
_PROBES = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}

T = TypeVar("T")


def connect(url: str, settings: Settings, *, client_name: str, blocking_s: float = 0.0) -> Redis:
    """Make a client with a pool of its own, which closes with it; nothing is sent yet."""
    return Redis.from_pool(pool(url, settings, client_name=client_name, blocking_s=blocking_s))


def pool(url: str, settings: Settings, *, client_name: str, blocking_s: float = 0.0) -> FairPool:
    """Make connections whose every wait ends.

    `blocking_s` is the longest that a blocking command may rest on the server, added to the deadline.
    One immediate retry covers a connection that a Redis restart has closed, and follows a name to the new
    primary after a failover; a timeout is not retried, because a paused Redis would only be waited for twice.
    """
    return FairPool.from_url(
        url,
        max_connections=settings.redis_connections,
        timeout=settings.redis_timeout_s,
        socket_timeout=settings.redis_timeout_s + blocking_s,
        socket_connect_timeout=settings.redis_timeout_s,
        retry=_SortingRetry(),
        retry_on_error=list(RECONNECT_ON),
        client_name=client_name,
        **_keepalive(url),
        **_tls(url),
    )


class _SortingRetry(Retry):
    """Sorts what Redis refuses, then makes one more attempt at once where a fresh connection may help."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(NoBackoff(), 1, supported_errors=RECONNECT_ON)

    async def call_with_retry(self, do: Callable[[], Awaitable[T]], fail: Callable[[RedisError], Any]) -> T:
        """Do it, at most twice; every command comes through here, so it is one coroutine and no more."""
        last = False
        while True:
            try:
                return await do()
            except (RedisConnectionError, ResponseError) as raised:
                error = refusals.sort(raised) if isinstance(raised, ResponseError) else raised
                if isinstance(error, RECONNECT_ON):
                    # In here, because redis-py's handlers raise anew what is being handled.
                    await fail(error)
                    if not last:
                        last = True
                        continue
                raise error from raised.__cause__


def _keepalive(url: str) -> dict[str, Any]:
    # A Unix socket has no keepalive, and its connection class refuses the option.
    if url.startswith("unix:"):
        return {}
    probes = {getattr(socket, name): value for name, value in _PROBES.items() if hasattr(socket, name)}
    return {"socket_keepalive": True, "socket_keepalive_options": probes}


def _tls(url: str) -> dict[str, Any]:
    # What the URL says (`?ssl_ca_certs=`, `ssl_certfile`, `ssl_keyfile`, `ssl_cert_reqs`) goes before.
    return {"ssl_check_hostname": True} if url.startswith("rediss:") else {}


@asynccontextmanager
async def translated() -> AsyncIterator[None]:
    """Turn Redis trouble that passes into RedisUnavailable; a script's own error stays what it is."""
    try:
        yield
    except (
        RedisConnectionError,
        RedisTimeoutError,
        ReadOnlyError,
        OutOfMemoryError,
        Refused,
        OSError,
    ) as error:
        raise RedisUnavailable(
            f"Redis did not serve the request ({type(error).__name__}).", retry_after_s=1.0
        ) from error


async def wait_until_up(redis: Redis, role: str, url: str) -> None:
    """Reach a Redis and load the scripts into it, retrying after 1, 2 and 4 s; raises RedisUnavailable.

    One that is there and still reads its data is waited for, however much that is.
    """
    shown = masked_url(url)
    delays = iter((*START_DELAYS_S, None))
    while True:
        try:
            await redis.ping()
            await scripts.load_all(redis)
        except BusyLoadingError:
            logger.warning("redis is loading its data", extra={"role": role, "url": shown})
            await asyncio.sleep(START_DELAYS_S[0])
        except (RedisError, OSError) as error:
            delay = next(delays)
            if delay is None:
                raise RedisUnavailable(
                    f"The {role} Redis at {shown} cannot be reached ({type(error).__name__}): "
                    "start it, or correct its URL."
                ) from error
            logger.warning(
                "redis unreachable, retrying", extra={"role": role, "url": shown, "delay_s": delay}
            )
            await asyncio.sleep(delay)
        else:
            return
