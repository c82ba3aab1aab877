"""arq's Worker with its hot path replaced: a bell instead of polls, leases and fences instead of hope.

Kept from arq 0.28: key names, payload and result layouts, the function registry, `ctx` and the start-up and
shut-down hooks, so that a stock client can enqueue here and read results. Its claim, renew and finish are
scripts (see shared/redis/lua), because the stock ones are unfenced and poll.
"""

import asyncio
import contextlib
import logging
import os
import socket
import time
from collections.abc import Coroutine, Sequence
from importlib.metadata import version
from typing import Any

import msgspec
from arq.worker import Function, Worker
from redis.exceptions import RedisError

from shared import logs, metrics
from shared.heartbeats import BEAT_S, Heartbeat, Heartbeats
from shared.jobs import Claimed
from shared.redis import keys
from shared.redis.keys import PriorityClass
from shared.tasks import cancel
from shared.wire.job import Payload, decode_payload
from workers import control
from workers.context import WorkerContext
from workers.leases import LeaseLost, Leases
from workers.outbox import Outbox
from workers.reaper import Reaper
from workers.run import run_job
from workers.service_time import ServiceTime

logger = logging.getLogger(__name__)

BELL_WAIT_S = 1
SCAN_EVERY_S = 1.0
CLAIM_BATCH = 16
"""Most jobs taken in one trip, so that one worker does not empty the bell while others stand idle."""
BATCH_TURN = 8
"""One take in so many looks at batch jobs first."""
BATCH_BELL = keys.bell("batch").encode()
RETRY_PAUSES_S = (0.05, 0.2, 0.5, 1.0)


class SentinelWorker(Worker):
    """Runs jobs in slots until it is told to stop; a Redis error pauses it and never ends it."""

    def __init__(self, functions: Sequence[Function], context: WorkerContext) -> None:
        settings = context.settings
        super().__init__(
            functions,
            redis_pool=context.redis,
            queue_name=keys.queue(),
            max_jobs=settings.slots,
            handle_signals=False,
            ctx={"sentinel": context},
        )
        self._context = context
        self._leases = Leases(context.jobs, settings.lease_s)
        self._outbox = Outbox(context.redis, context.entries)
        self._heartbeats = Heartbeats(context.redis)
        # Read from disk, so once and not with every beat.
        self._version = version("sentinel-gateway")
        self._slot_freed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._reaper = Reaper(context.redis, context.jobs, context.worker_id, settings.reap_s)
        self._reserved = settings.reserved_slots
        self._takes = 0
        self._service = ServiceTime()
        self._scanned_at = 0.0

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Take no more jobs; `main` returns once those in work are done or handed back."""
        self._stopping.set()

    async def main(self) -> None:
        """Work until stopped, then drain."""
        self.ctx["redis"] = self._context.redis
        with contextlib.suppress(RedisError, OSError):
            # Before anybody hears of this worker: it could already be needed to notice another's death.
            await self._reaper.look()
        background = [
            asyncio.create_task(self._supervise(loop), name=name)
            for name, loop in (
                ("leases", self._leases.keep()),
                ("outbox", self._outbox.run()),
                ("index", self._context.feed.follow()),
                ("heartbeat", self._beat()),
                ("control", control.listen(self._context.blocking, self._context.worker_id, self._leases)),
                ("reaper", self._reaper.run()),
            )
        ]
        taking = asyncio.create_task(self._supervise(self._take()), name="taking")
        logger.info("worker ready", extra={"worker": self._context.worker_id, "slots": self.max_jobs})
        await self._stopping.wait()
        await cancel([taking])
        await self._drain()
        await cancel(background)
        with contextlib.suppress(RedisError, OSError):
            await self._outbox.drain()
            await self._heartbeats.end(self._context.worker_id)

    async def _supervise(self, loop: Coroutine[Any, Any, None]) -> None:
        try:
            await loop
        except Exception:
            # Without its loops a worker only looks alive: better to stop and be restarted.
            logger.exception("background loop broke, stopping")
            self.stop()

    async def _take(self) -> None:
        failures = 0
        while True:
            try:
                await self._take_once()
                failures = 0
            except (RedisError, OSError) as error:
                pause = RETRY_PAUSES_S[min(failures, len(RETRY_PAUSES_S) - 1)]
                failures += 1
                logger.warning("cannot take jobs", extra={"error": type(error).__name__, "pause_s": pause})
                await asyncio.sleep(pause)
            except Exception:
                # Taking jobs is what a worker is for: whatever this was, the next round may do better.
                logger.exception("taking jobs broke")
                await asyncio.sleep(RETRY_PAUSES_S[-1])

    async def _take_once(self) -> None:
        while len(self._leases) >= self.max_jobs:
            self._slot_freed.clear()
            await self._slot_freed.wait()
        bells = self._bells()
        rung = await self._context.blocking.blpop([keys.bell(c) for c in bells], timeout=BELL_WAIT_S)  # type: ignore[misc]
        scan = time.monotonic() - self._scanned_at >= SCAN_EVERY_S
        if rung is None and not scan:
            return
        # Only the bell that rang is emptied further: the other's turn comes with the next take.
        priority: PriorityClass = "batch" if rung and rung[0] == BATCH_BELL else "interactive"
        now_ms, claimed = await self._context.jobs.claim(
            self._context.worker_id,
            lease_ms=int(self._context.settings.lease_s * 1000),
            count=min(CLAIM_BATCH, self._room(priority)),
            bells=[priority],
            ids=[] if rung is None else [rung[1]],
            scan=scan,
            scan_batch=self._room("batch"),
        )
        if scan:
            self._scanned_at = time.monotonic()
        for job in claimed:
            self._start(job, now_ms)

    def _room(self, priority: PriorityClass) -> int:
        """Free slots for a class: batch jobs leave the reserved ones to interactive jobs."""
        free = self.max_jobs - len(self._leases)
        if priority == "interactive":
            return free
        return min(free, self.max_jobs - self._reserved - self._leases.held_of("batch"))

    def _bells(self) -> list[PriorityClass]:
        """Which bells to rest on: interactive first, and every eighth time batch, which never starves."""
        if self._room("batch") <= 0:
            return ["interactive"]
        self._takes += 1
        return ["batch", "interactive"] if self._takes % BATCH_TURN == 0 else ["interactive", "batch"]

    def _start(self, claimed: Claimed, now_ms: int) -> None:
        task = asyncio.create_task(self._work(claimed, now_ms), name=claimed.job_id)
        self._leases.hold(claimed, task)
        task.add_done_callback(lambda _: self._slot_freed.set())

    async def _work(self, claimed: Claimed, now_ms: int) -> None:
        logs.job_id.set(claimed.job_id)
        if claimed.doubted:
            metrics.billing_doubts.inc()
        started = time.monotonic()
        try:
            if await run_job(self._context, self.functions, claimed, _payload(claimed), now_ms):
                self._outbox.ring()
            self._service.add(time.monotonic() - started)
        except LeaseLost:
            logger.warning("work stopped", extra={"reason": "lease_lost"})
        except asyncio.CancelledError:
            # The lease was lost, or the drain time is over and `_drain` hands the job back.
            return
        except Exception:
            # The lease runs out and somebody tries again, at most `tries_max` times.
            logger.exception("job broke its worker")

    async def _drain(self) -> None:
        """Let what is in work finish within the drain time, and hand the rest back at once."""
        held = self._leases.held
        logger.info("draining", extra={"in_work": len(held)})
        if held:
            await asyncio.wait([job.task for job in held], timeout=self._context.settings.drain_s)
        left = self._leases.held
        await cancel([job.task for job in left])
        for job in left:
            # The script refuses for a job that settled after all.
            with contextlib.suppress(RedisError, OSError):
                released = await self._context.jobs.release(self._context.worker_id, job.claimed)
                if released == "handed_back_in_doubt":
                    metrics.billing_doubts.inc()

    async def _beat(self) -> None:
        """Say every second that this worker lives and how busy it is."""
        lag_s = 0.0
        while True:
            beat = Heartbeat(
                worker=self._context.worker_id,
                host=socket.gethostname(),
                pid=os.getpid(),
                version=self._version,
                slots=self.max_jobs,
                busy=len(self._leases),
                per_s=self._service.per_s(self.max_jobs),
                loop_lag_ms=round(lag_s * 1000, 2),
            )
            with contextlib.suppress(RedisError, OSError):
                await self._heartbeats.beat(beat)
            slept = time.monotonic()
            await asyncio.sleep(BEAT_S)
            lag_s = max(0.0, time.monotonic() - slept - BEAT_S)


def _payload(claimed: Claimed) -> Payload | None:
    """Read the call; None when it expired unread or nobody can read it."""
    if claimed.payload is None:
        return None
    try:
        return decode_payload(claimed.payload)
    except msgspec.DecodeError:
        logger.error("payload unreadable")  # noqa: TRY400 - the error may quote the prompt
        return None
