"""Stopping without cutting anybody off: the requests in flight, and when there are none left."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from shared import metrics


class Drain:
    """Whether this process is stopping, and how many requests it is still answering."""

    def __init__(self) -> None:
        self._draining = asyncio.Event()
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.in_flight = 0

    @property
    def draining(self) -> bool:
        """Whether new work is refused."""
        return self._draining.is_set()

    def begin(self) -> None:
        """Refuse new work from now on, and let those who wait for a job go with its id."""
        self._draining.set()
        metrics.draining.set(1)

    async def begun(self) -> None:
        """Return once draining has begun."""
        await self._draining.wait()

    def end(self) -> None:
        """Let whoever is still being answered say so: the time is over."""
        self._over.set()

    async def over(self) -> None:
        """Return once the time of the drain is over."""
        await self._over.wait()

    async def idle(self, timeout_s: float) -> bool:
        """Wait until nothing is in flight; false when that takes longer than `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def enter(self) -> None:
        """Count a request in."""
        self.in_flight += 1
        self._idle.clear()

    def leave(self) -> None:
        """Count a request out."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Count one request for as long as it is being answered."""
        self.enter()
        metrics.requests_in_flight.inc()
        try:
            yield
        finally:
            # Here alone, whatever happened: a second decrement elsewhere would end drains early.
            self.leave()
            metrics.requests_in_flight.dec()
