"""What operators want of workers and queues: quiet or draining workers, paused classes.

Wishes are kept in Redis and read with every heartbeat, so that they are followed within a second or two.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Literal

from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.keys import PriorityClass
from shared.submissions import CLASSES

Wish = Literal["", "quiet", "drain"]
WISH_TTL_S = 86_400


class FleetControl:
    """The wishes for one fleet; every method raises RedisUnavailable."""

    def __init__(self, queues: Sequence[Redis], *, deadline_s: float | None = None) -> None:
        self._queues = tuple(queues)
        self._deadline_s = deadline_s

    async def wish(self, worker: str, wish: Wish) -> None:
        """Let a worker take no more jobs, end once its jobs are done, or go on as ever."""
        async with translated(), asyncio.timeout(self._deadline_s):
            for queue in self._queues:
                if wish:
                    await queue.set(keys.wish(worker), wish, ex=WISH_TTL_S)
                else:
                    await queue.delete(keys.wish(worker))

    async def pause(self, priority: PriorityClass, *, paused: bool) -> None:
        """Let workers leave a class alone, or take it up again."""
        async with translated(), asyncio.timeout(self._deadline_s):
            for queue in self._queues:
                if paused:
                    await queue.sadd(keys.paused(), priority)  # type: ignore[misc]
                else:
                    await queue.srem(keys.paused(), priority)  # type: ignore[misc]

    async def paused(self) -> Mapping[PriorityClass, bool]:
        """Which classes are paused."""
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await self._queues[0].smembers(keys.paused())  # type: ignore[misc]
        return {priority: priority.encode() in found for priority in CLASSES}
