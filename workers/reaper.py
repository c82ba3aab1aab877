"""Finds workers that died, by their connections, long before their leases end.

Every worker's connections carry its id. One worker looks for all; another that was there before and is
missing twice in a row has its jobs taken back. The others list the connections now and then, so that whoever
takes over from a dead looker remembers it. A Redis that restarted has lost everybody's connections, so after
any trouble nobody is judged for a while. The lease is the backstop.
"""

import asyncio
import logging
import time
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.jobs import JobQueue
from shared.redis import keys

logger = logging.getLogger(__name__)

MISSES = 2
GRACE_S = 2.0
"""After trouble with Redis everybody gets this long to connect again before anybody is judged."""
LOOKER_LIFE = 3
"""Pauses after which a looker that fell silent is replaced."""
LOOKS_TO_REMEMBER = 8
"""A worker that does not judge lists the connections once in so many pauses."""


class Presence:
    """Which workers are there, from one listing to the next; pure."""

    def __init__(self) -> None:
        self._misses: dict[str, int] = {}

    def remember(self, present: Iterable[str]) -> None:
        """Take a listing in without judging anybody."""
        self._misses.update(dict.fromkeys(present, 0))

    def look(self, present: Iterable[str], expected: Iterable[str]) -> list[str]:
        """Take a listing in; returns the expected workers that were there and are now missing for good."""
        there = set(present)
        self.remember(there)
        dead = []
        for worker in expected:
            if worker in there or worker not in self._misses:
                continue
            self._misses[worker] += 1
            if self._misses[worker] >= MISSES:
                del self._misses[worker]
                dead.append(worker)
        return dead

    def forgive(self) -> None:
        """Count no miss of before: everybody may have been missing for the same reason."""
        self._misses.update(dict.fromkeys(self._misses, 0))


class Reaper:
    """Looks for dead workers on behalf of the fleet; `run` must run in every worker."""

    def __init__(self, redis: Redis, jobs: JobQueue, worker_id: str, pause_s: float) -> None:
        self._redis = redis
        self._jobs = jobs
        self._worker_id = worker_id
        self._pause_s = pause_s
        self._presence = Presence()
        self._looks = 0
        self._judges_from = 0.0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                await self.look()
            except (RedisError, OSError):
                self._presence.forgive()
                self._judges_from = time.monotonic() + GRACE_S

    async def look(self) -> None:
        """Look once, unless another worker is looking; raises RedisError."""
        judges = await self._is_looker()
        self._looks += 1
        if not judges and self._looks % LOOKS_TO_REMEMBER != 1:
            return
        listed = await self._redis.client_list(_type="normal")
        expected = [name.decode() for name in await self._redis.zrange(keys.workers(), 0, -1)]
        present = {worker for worker in expected if _is_connected(worker, listed)}
        if not judges or time.monotonic() < self._judges_from:
            self._presence.remember(present)
            return
        for worker in self._presence.look(present, expected):
            taken = await self._jobs.reap(worker)
            await self._redis.zrem(keys.workers(), worker)
            metrics.jobs_reaped.inc(len(taken))
            logger.warning("dead worker reaped", extra={"dead": worker, "jobs": len(taken)})

    async def _is_looker(self) -> bool:
        """Whether this worker looks for all: whoever began goes on for as long as it lives."""
        life_ms = int(self._pause_s * LOOKER_LIFE * 1000)
        if await self._redis.set(keys.reaper(), self._worker_id, nx=True, px=life_ms):
            return True
        if await self._redis.get(keys.reaper()) != self._worker_id.encode():
            return False
        await self._redis.pexpire(keys.reaper(), life_ms)
        return True


def _is_connected(worker: str, listed: list[dict[str, str]]) -> bool:
    return any(client["name"] == worker or client["name"].startswith(f"{worker}-") for client in listed)
