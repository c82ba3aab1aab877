"""Looks exact answers up on a cache Redis of its own, and fails open: without it every question is a miss."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.cache import decoded
from shared.redis import keys
from shared.wire.entry import Entry

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
        self._away = False
        self._look_again_at = 0.0

    async def find(self, fingerprint: str) -> Entry | None:
        """Read an entry within the deadline; None when there is none, or when nobody can tell."""
        if self._away:
            if self._clock() < self._look_again_at:
                metrics.lookups_failed_open.inc()
                return None
            self._look_again_at = self._clock() + LOOK_AGAIN_S
        try:
            async with asyncio.timeout(self._deadline_s):
                data: bytes | None = await self._cache.hget(keys.entry(fingerprint), "data")  # type: ignore[misc]
        except (RedisError, OSError) as error:
            self._fail_open(error)
            return None
        if self._away:
            self._away = False
            logger.warning("cache redis is back")
        return decoded(data)

    def _fail_open(self, error: Exception) -> None:
        metrics.lookups_failed_open.inc()
        self._look_again_at = self._clock() + LOOK_AGAIN_S
        if not self._away:
            self._away = True
            logger.warning(
                "cache redis is away, every question is a miss", extra={"error": type(error).__name__}
            )
