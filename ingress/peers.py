"""How many ingresses there are: each says every second that it lives, and remembers the last count."""

import asyncio
import contextlib

from redis.asyncio import Redis

from shared import metrics
from shared.errors import RedisUnavailable
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script

EVERY_S = 1.0
LIFE_MS = 5_000


class Peers:
    """The ingresses of one installation; `run` must run."""

    def __init__(self, queue: Redis, ingress_id: str) -> None:
        self._queue = queue
        self._ingress_id = ingress_id
        self.known = 1

    async def run(self) -> None:
        """Meet the others for ever; while Redis is away the last count stands."""
        while True:
            with contextlib.suppress(RedisUnavailable):
                await self.meet()
            await asyncio.sleep(EVERY_S)

    async def meet(self) -> None:
        """Say that this one lives, and count; raises RedisUnavailable."""
        async with translated():
            places = [keys.ingresses()]
            found = await script("meet_ingresses").run(self._queue, places, [self._ingress_id, LIFE_MS])
        self.known = max(1, int(found))
        metrics.ingresses.set(self.known)
