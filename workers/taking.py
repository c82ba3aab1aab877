"""Takes jobs into free slots: rests on the bells, and looks every second for what no bell announced."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from redis.exceptions import RedisError

from shared.claims import Claimed
from shared.heartbeats import Orders
from shared.redis import keys
from shared.redis.keys import PriorityClass
from shared.tasks import to_its_end
from workers.context import WorkerContext
from workers.leases import Leases

logger = logging.getLogger(__name__)

BELL_WAIT_S = 1
SCAN_EVERY_S = 1.0
CLAIM_BATCH = 16
"""Most jobs taken in one trip, so that one worker does not empty the bell while others stand idle."""
BATCH_TURN = 8
"""One take in so many looks at batch jobs first."""
BATCH_BELL = keys.bell("batch").encode()
RETRY_PAUSES_S = (0.05, 0.2, 0.5, 1.0)


class Taking:
    """Fills the free slots of one worker; `start` is called with each job claimed and Redis time in ms."""

    def __init__(self, ctx: WorkerContext, leases: Leases, start: Callable[[Claimed, int], None]) -> None:
        self._ctx = ctx
        self._leases = leases
        self._start = start
        self._slots = ctx.settings.slots
        self._reserved = ctx.settings.reserved_slots
        self._slot_freed = asyncio.Event()
        self._takes = 0
        self._scanned_at = 0.0
        self._had_more: PriorityClass | None = None
        """The class whose bell gave all that it was asked for: there is no need to wait for it to ring."""
        self.orders = Orders()
        """What operators want: a quiet worker takes nothing, and nobody takes of a paused class."""

    def freed(self, claimed: Claimed) -> None:
        """Say that a job left its slot."""
        if claimed.tries > 1:
            # Others on their last try may have waited for this one; no bell tells.
            self._scanned_at = 0.0
        self._slot_freed.set()

    async def run(self) -> None:
        """Take for ever; trouble pauses it and never ends it."""
        failures = 0
        while True:
            try:
                await self.once()
                failures = 0
            except (RedisError, OSError) as error:
                pause = RETRY_PAUSES_S[min(failures, len(RETRY_PAUSES_S) - 1)]
                failures += 1
                # Leases may have lapsed meanwhile: their holders get to renew them before anybody looks.
                self._scanned_at = time.monotonic()
                logger.warning("cannot take jobs", extra={"error": type(error).__name__, "pause_s": pause})
                await asyncio.sleep(pause)
            except Exception:
                # Taking jobs is what a worker is for: whatever this was, the next round may do better.
                logger.exception("taking jobs broke")
                await asyncio.sleep(RETRY_PAUSES_S[-1])

    async def once(self) -> None:
        """Wait for a free slot and a bell, and start what is there; raises RedisError."""
        while len(self._leases) >= self._slots:
            self._slot_freed.clear()
            await self._slot_freed.wait()
        classes = self._bells()
        if not classes:
            await asyncio.sleep(BELL_WAIT_S)
            return
        if self._had_more == classes[0]:
            rung = None
        else:
            bells = [keys.bell(priority) for priority in classes]
            rung = await self._ctx.blocking.blpop(bells, timeout=BELL_WAIT_S)  # type: ignore[misc]
        scan = time.monotonic() - self._scanned_at >= SCAN_EVERY_S and "interactive" not in self.orders.paused
        if rung is None and self._had_more is None and not scan:
            return
        # Only the bell that rang is emptied further: the other's turn comes with the next take.
        priority: PriorityClass = self._had_more or "interactive"
        if rung is not None:
            priority = "batch" if rung[0] == BATCH_BELL else "interactive"
        # A claim that has been sent gives us jobs, wanted or not: whoever stops the worker gets to see them.
        await to_its_end(self._claim(priority, [] if rung is None else [rung[1]], scan=scan))

    async def _claim(self, priority: PriorityClass, ids: Sequence[bytes], *, scan: bool) -> None:
        settings = self._ctx.settings
        count = min(CLAIM_BATCH, self._room(priority))
        now_ms, claimed = await self._ctx.jobs.claim(
            self._ctx.worker_id,
            lease_ms=int(settings.lease_s * 1000),
            count=count,
            bells=[priority],
            ids=ids,
            scan=scan,
            scan_batch=self._room("batch"),
            tries_max=settings.tries_max,
            retried=self._leases.retried(settings.tries_max),
        )
        if scan:
            self._scanned_at = time.monotonic()
        self._had_more = priority if len(claimed) >= count > 0 else None
        for job in claimed:
            self._start(job, now_ms)

    def _room(self, priority: PriorityClass) -> int:
        """Free slots for a class: batch jobs leave the reserved ones to interactive jobs."""
        if priority in self.orders.paused:
            return 0
        free = self._slots - len(self._leases)
        if priority == "interactive":
            return free
        return min(free, self._slots - self._reserved - self._leases.held_of("batch"))

    def _bells(self) -> list[PriorityClass]:
        """Which bells to rest on: interactive first, and every eighth time batch, which never starves."""
        if self.orders.wish:
            return []
        open_bells: list[PriorityClass] = [] if "interactive" in self.orders.paused else ["interactive"]
        if self._room("batch") <= 0:
            return open_bells
        self._takes += 1
        return ["batch", *open_bells] if self._takes % BATCH_TURN == 0 else [*open_bells, "batch"]
