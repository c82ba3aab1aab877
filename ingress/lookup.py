"""Looks exact answers up on a cache Redis of its own, and fails open: without it every question is a miss."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.cache import UNKNOWN, Found, read_found
from shared.redis.scripts import Call, script

logger = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 1.0
"""While the cache is away one question in so many seconds waits for it, and all others go on at once."""


class CacheLookup:
    """The exact entries of a cache Redis that may be away."""

    def __init__(
        self, cache: Redis, *, deadline_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._cache = cache
        self._deadline_s = deadline_s
        self._clock = clock
        self.away = False
        self._look_again_at = 0.0

    async def find(self, call: Call) -> Found:
        """Make one call of find_entry.lua within the deadline; UNKNOWN when nobody can tell."""
        if self.away:
            if self._clock() < self._look_again_at:
                metrics.lookups_failed_open.inc()
                return UNKNOWN
            self._look_again_at = self._clock() + LOOK_AGAIN_S
        try:
            async with asyncio.timeout(self._deadline_s):
                reply = await script("find_entry").run(self._cache, *call)
        except (RedisError, OSError) as error:
            self.fail_open(error)
            return UNKNOWN
        if self.away:
            self.away = False
            logger.warning("cache redis is back")
        return read_found(reply)

    def fail_open(self, error: Exception) -> None:
        """Note that the cache is away; questions are misses until one finds it back."""
        metrics.lookups_failed_open.inc()
        self._look_again_at = self._clock() + LOOK_AGAIN_S
        if not self.away:
            self.away = True
            logger.warning(
                "cache redis is away, every question is a miss", extra={"error": type(error).__name__}
            )
