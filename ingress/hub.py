"""Where an ingress hears that its jobs have settled: one subscription to each queue, many waiters.

Pub/sub may drop messages, so waiting jobs are also re-read every second and after each reconnect. The hub is
subscribed before anything is submitted; an announcement that overtakes the reply to its own submit is kept.
"""

import asyncio
import contextlib
import itertools
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence, Set as AbstractSet
from typing import Any

import msgspec
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from ingress.hearing import Hearings
from shared import metrics
from shared.errors import RedisUnavailable
from shared.redis import keys
from shared.shards import JobShards
from shared.tokens import CHANNEL
from shared.wire.outcome import decode_announcement

logger = logging.getLogger(__name__)

RECHECK_S = 1.0
RECONNECT_PAUSE_S = 0.2
KEPT_ANNOUNCEMENTS = 1024


class WaiterHub:
    """The waiters of one ingress process; `run` must run."""

    def __init__(self, queues: Sequence[Redis], jobs: JobShards, ingress_id: str, capacity: int) -> None:
        self._queues = tuple(queues)
        self._jobs = jobs
        self._capacity = capacity
        self.inbox = keys.inbox(ingress_id)
        self._waiting: dict[str, asyncio.Future[bytes]] = {}
        self._watchers: dict[str, int] = {}
        self._callers = itertools.count()
        self._recent: OrderedDict[str, bytes] = OrderedDict()
        self.hearings = Hearings()
        """Who follows the tokens of jobs, besides their outcomes."""
        self.connected = asyncio.Event()
        """Set while the first queue, home, is subscribed to."""

    async def run(self) -> None:
        """Listen for ever; reconnects by itself."""
        await asyncio.gather(*(self._hear(redis) for redis in self._queues))

    async def _hear(self, redis: Redis) -> None:
        while True:
            pubsub = redis.pubsub()
            try:
                await self._listen(redis, pubsub)
            except (RedisError, RedisUnavailable, OSError) as error:
                logger.warning("waiter hub interrupted", extra={"error": type(error).__name__})
            finally:
                if redis is self._queues[0]:
                    self.connected.clear()
                with contextlib.suppress(RedisError, OSError):
                    await pubsub.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(RECONNECT_PAUSE_S)

    @property
    def has_room(self) -> bool:
        """Whether one more caller may wait here."""
        return sum(self._watchers.values()) < self._capacity

    def new_interest(self) -> str:
        """The interest of one more caller here: each ends its own, and never that of a twin beside it."""
        return f"{self.inbox}|{next(self._callers)}"

    async def wait(
        self, job_id: str, timeout_s: float, interruptions: "AbstractSet[asyncio.Task[None]]"
    ) -> bytes | None:
        """Return the job's result, or None when the time is over or an interruption has finished."""
        async with self.watching(job_id) as settled:
            either: set[asyncio.Future[Any]] = {settled, *interruptions}
            await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            return settled.result() if settled.done() else None

    @contextlib.asynccontextmanager
    async def watching(self, job_id: str) -> AsyncIterator[asyncio.Future[bytes]]:
        """Hold a future of the job's result, which must not be cancelled: others wait for it, too."""
        settled = self._waiting.get(job_id)
        if settled is None:
            settled = self._waiting[job_id] = asyncio.get_running_loop().create_future()
        self._watchers[job_id] = self._watchers.get(job_id, 0) + 1
        metrics.waiters.inc()
        if job_id in self._recent and not settled.done():
            settled.set_result(self._recent[job_id])
        try:
            yield settled
        finally:
            metrics.waiters.dec()
            self._watchers[job_id] -= 1
            if self._watchers[job_id] == 0:
                del self._watchers[job_id], self._waiting[job_id]

    async def _listen(self, redis: Redis, pubsub: PubSub) -> None:
        channels = (self.inbox, self.inbox + CHANNEL)
        await pubsub.subscribe(*channels)
        for _ in channels:
            while (await pubsub.get_message(timeout=RECHECK_S)) is None:
                pass
        self.hearings.interrupted()
        if redis is self._queues[0]:
            self.connected.set()
        await self._recheck()
        rechecked_at = asyncio.get_running_loop().time()
        tokens = channels[1].encode()
        while True:
            message = await pubsub.get_message(ignore_subscribe_messages=True, timeout=RECHECK_S)
            if message is not None and message["channel"] == tokens:
                self.hearings.tell(message["data"])
            elif message is not None:
                await self._announced(message["data"])
            if asyncio.get_running_loop().time() - rechecked_at >= RECHECK_S:
                await self._recheck()
                rechecked_at = asyncio.get_running_loop().time()

    async def _announced(self, data: bytes) -> None:
        try:
            announcement = decode_announcement(data)
        except msgspec.DecodeError:
            logger.warning("announcement unreadable")
            return
        if announcement.result is None:
            # Too large to publish: whoever waits reads it, and nobody else does.
            if announcement.job_id in self._waiting:
                await self._recheck()
            return
        self._settle(announcement.job_id, announcement.result)

    async def _recheck(self) -> None:
        waiting = [job_id for job_id, settled in self._waiting.items() if not settled.done()]
        if waiting:
            for job_id, result in zip(waiting, await self._jobs.outcomes(waiting), strict=True):
                if result is not None:
                    self._settle(job_id, result)

    def _settle(self, job_id: str, result: bytes) -> None:
        self._recent[job_id] = result
        if len(self._recent) > KEPT_ANNOUNCEMENTS:
            self._recent.popitem(last=False)
        settled = self._waiting.get(job_id)
        if settled is not None and not settled.done():
            settled.set_result(result)
