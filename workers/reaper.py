"""Finds workers that died, by their connections, long before their leases end.

Every worker's connections carry its id. Whoever comes first after each pause looks for all, and what was
missed is counted in Redis: it does not matter when the one who looked before is dead itself, or slow. A
worker that was there and is missing twice in a row has its jobs taken back. A Redis that restarted has lost
everybody's connections, so after any trouble nobody is judged for a while. The lease is the backstop.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.jobs import JobQueue
from shared.redis import keys
from shared.redis.scripts import Argument, script

logger = logging.getLogger(__name__)

MISSES = 2
GRACE_S = 2.0
"""After trouble with Redis everybody gets this long to connect again before anybody is judged."""
LOOK_LIFE = 0.8
"""The share of a pause for which one look suffices: the next comes with the first who wakes after it."""
PRESENCE_LIFE_S = 60.0


class Reaper:
    """Looks for dead workers on behalf of the fleet; `run` must run in every worker."""

    def __init__(self, redis: Redis, jobs: JobQueue, worker_id: str, pause_s: float) -> None:
        self._redis = redis
        self._jobs = jobs
        self._worker_id = worker_id
        self._pause_s = pause_s
        self._judges_from = 0.0

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(self._pause_s)
            try:
                await self.look()
            except (RedisError, OSError):
                self._judges_from = time.monotonic() + GRACE_S

    async def look(self) -> None:
        """Look once, unless somebody has just looked; raises RedisError."""
        look_ms = max(1, int(self._pause_s * LOOK_LIFE * 1000))
        if not await self._redis.set(keys.reaper(), self._worker_id, nx=True, px=look_ms):
            return
        pipe = self._redis.pipeline(transaction=False)
        pipe.client_list(_type="normal")
        pipe.zrange(keys.workers(), 0, -1)
        listed, expected = await pipe.execute()
        present = presence(listed, [name.decode() for name in expected])
        judges = not just_connected(listed) and time.monotonic() >= self._judges_from
        for worker in await self._note(present, judges=judges):
            taken = await self._jobs.reap(worker)
            await self._redis.zrem(keys.workers(), worker)
            metrics.jobs_reaped.inc(len(taken))
            logger.warning("dead worker reaped", extra={"dead": worker, "jobs": len(taken)})

    async def _note(self, present: Mapping[str, bool], *, judges: bool) -> list[str]:
        """Count who is missing; returns the workers that are so for good."""
        told = [part for worker, there in present.items() for part in (worker, str(int(there)))]
        arguments: list[Argument] = [MISSES, int(PRESENCE_LIFE_S * 1000), str(int(judges)), *told]
        dead = await script("note_presence").run(self._redis, [keys.presence()], arguments)
        return [worker.decode() for worker in dead]


def presence(listed: Sequence[Mapping[str, str]], expected: Sequence[str]) -> dict[str, bool]:
    """Tell of each worker whether a connection carries its id, itself or before a dash; pure."""
    names = [client["name"] for client in listed]
    return {
        worker: any(name == worker or name.startswith(f"{worker}-") for name in names) for worker in expected
    }


def just_connected(listed: Sequence[Mapping[str, str]]) -> bool:
    """Tell whether nobody has been connected for long, as after a restart of Redis; pure."""
    return all(float(client["age"]) < GRACE_S for client in listed)
