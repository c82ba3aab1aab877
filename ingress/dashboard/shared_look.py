"""One look for all who look: however many pages are open, Redis is asked once in a while, or not at all."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedLook(Generic[T]):
    """Remembers what `look` returned `for_s` seconds long."""

    def __init__(
        self, look: Callable[[], Awaitable[T]], *, for_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._look = look
        self._for_s = for_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._seen: T | None = None
        self._seen_at = 0.0

    async def get(self) -> T:
        """Return the last look while it is fresh, else look; raises what `look` does."""
        async with self._lock:
            if self._seen is None or self._clock() - self._seen_at >= self._for_s:
                self._seen = await self._look()
                self._seen_at = self._clock()
            return self._seen
