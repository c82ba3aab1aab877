"""Keeps one ingress from asking for the same refresh again and again."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from shared.tasks import cancel

REMEMBERED_MAX: Final = 10_000


class RefreshPause:
    """The refreshes that this process has asked for lately; `aclose` ends those that are being asked for."""

    def __init__(self, pause_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`pause_s` is how long no other refresh of the same answer is asked for."""
        self._pause_s = pause_s
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def ask(self, job_id: str, refresh: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Ask for a refresh of what a job bought, without waiting for it, unless that was done just now."""
        now = self._clock()
        self._forget(now)
        if job_id in self._asked_at:
            return
        self._asked_at[job_id] = now
        task = asyncio.create_task(refresh())
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def aclose(self) -> None:
        """End what is being asked for."""
        await cancel(list(self._asking))

    def _forget(self, now: float) -> None:
        while self._asked_at:
            oldest = next(iter(self._asked_at))
            if now - self._asked_at[oldest] < self._pause_s and len(self._asked_at) < REMEMBERED_MAX:
                return
            del self._asked_at[oldest]
