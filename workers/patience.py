"""Calls to Redis that must be made, however long it is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

T = TypeVar("T")
PAUSES_S = (0.05, 0.1, 0.2, 0.5)


async def patiently(call: Callable[[], Awaitable[T]], what: str) -> T:
    """Repeat a call until Redis answers.

    Whoever holds a job is cancelled when its lease cannot be renewed, so this ends with the lease.
    """
    attempt = 0
    while True:
        try:
            return await call()
        except (RedisError, OSError) as error:
            pause = PAUSES_S[min(attempt, len(PAUSES_S) - 1)]
            attempt += 1
            logger.warning(
                "redis away", extra={"what": what, "error": type(error).__name__, "pause_s": pause}
            )
            await asyncio.sleep(pause)
