"""The tokens that this ingress hears, handed to those of its callers who follow a job."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from shared.tokens import Event, decode_told

HELD_MAX: Final = 1_000
"""Events that wait for a slow reader; past them it reads what it missed from Redis, and slows nobody."""


class Hearing:
    """One caller's share: what was heard and not yet taken."""

    def __init__(self) -> None:
        self._held: deque[Event] = deque()
        self.missed = False
        """Whether something was dropped, so that the rest must be read from Redis."""
        self.arrived = asyncio.Event()

    def put(self, events: Sequence[Event]) -> None:
        """Hold events for the caller, or note that it missed them."""
        if len(self._held) + len(events) > HELD_MAX:
            self._held.clear()
            self.missed = True
        elif not self.missed:
            self._held.extend(events)
        self.arrived.set()

    def take(self) -> list[Event]:
        """What was heard since the last time."""
        found = list(self._held)
        self._held.clear()
        self.arrived.clear()
        return found


class Hearings:
    """Everybody who follows a job through this ingress."""

    def __init__(self) -> None:
        self._by_job: dict[str, list[Hearing]] = {}

    @contextlib.contextmanager
    def of(self, job_id: str) -> Iterator[Hearing]:
        """Hear a job's tokens for a while."""
        hearing = Hearing()
        self._by_job.setdefault(job_id, []).append(hearing)
        try:
            yield hearing
        finally:
            self._by_job[job_id].remove(hearing)
            if not self._by_job[job_id]:
                del self._by_job[job_id]

    def tell(self, message: bytes) -> None:
        """Hand a message of the token channel to whoever follows its job."""
        told = decode_told(message)
        for hearing in self._by_job.get(told.job_id, ()):
            hearing.put(told.events)

    def interrupted(self) -> None:
        """Note that messages may have been lost: everybody reads on from Redis."""
        for hearings in self._by_job.values():
            for hearing in hearings:
                hearing.missed = True
                hearing.arrived.set()
