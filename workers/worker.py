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
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import msgspec
from arq.worker import Function, Worker
from redis.exceptions import RedisError

from shared import logs, metrics
from shared.claims import Claimed
from shared.heartbeats import BEAT_S, Heartbeat, Heartbeats, Orders
from shared.redis import keys
from shared.tasks import cancel
from shared.wire.job import Payload, TooNew, decode_payload
from workers import control
from workers.context import WorkerContext
from workers.leases import LeaseLost, Leases
from workers.outbox import Outbox
from workers.reaper import Reaper
from workers.run import fail, run_job
from workers.service_time import ServiceTime
from workers.taking import Taking

logger = logging.getLogger(__name__)

MODES = {"quiet": "quiet", "drain": "draining"}
TOO_NEW_PAUSE_MS = 500
"""How long a job of a later release lies before anybody looks at it again."""


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
        self._leases = Leases(
            context.jobs,
            context.worker_id,
            lease_s=settings.lease_s,
            # A wait for a connection, then one for the reply.
            reply_s=2 * settings.redis_timeout_s,
        )
        self._taking = Taking(context, self._leases, self._start)
        self._outbox = Outbox(context.redis, context.entries, context.shared_scope)
        self._heartbeats = Heartbeats(context.redis)
        # Read from disk, so once and not with every beat.
        self._version = version("sentinel-gateway")
        metrics.build_info.labels(self._version).set(1)
        self._stopping = asyncio.Event()
        self._reaper = Reaper(context.redis, context.jobs, context.worker_id, settings.reap_s)
        self._service = ServiceTime()

    @property
    def stopping(self) -> bool:
        """Whether the worker was told to stop."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Take no more jobs; `main` returns once those in work are done or handed back."""
        self._stopping.set()
        metrics.draining.set(1)

    async def main(self) -> None:
        """Work until stopped, then drain."""
        self.ctx["redis"] = self._context.redis
        blocking = self._context.blocking
        background = [
            asyncio.create_task(self._supervise(loop), name=name)
            for name, loop in (
                ("leases", self._leases.keep),
                ("outbox", self._outbox.run),
                ("heartbeat", self._beat),
                ("rates", self._context.rates.run),
                ("hits", self._context.entry_hits.run),
                ("control", partial(control.listen, blocking, self._context.worker_id, self._leases)),
                ("reaper", self._reaper.run),
            )
        ]
        taking = asyncio.create_task(self._supervise(self._taking.run), name="taking")
        logger.info("worker ready", extra={"worker": self._context.worker_id, "slots": self.max_jobs})
        await self._stopping.wait()
        await cancel([taking])
        await self._drain()
        await cancel(background)
        with contextlib.suppress(RedisError, OSError):
            await self._outbox.drain()
            await self._context.rates.write()
            await self._context.entry_hits.write()
            await self._heartbeats.end(self._context.worker_id)

    async def _supervise(self, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await loop()
        except Exception:
            # Without its loops a worker only looks alive: better to stop and be restarted.
            logger.exception("background loop broke, stopping")
            self.stop()

    def _start(self, claimed: Claimed, now_ms: int) -> None:
        task = asyncio.create_task(self._work(claimed, now_ms), name=claimed.job_id)
        self._leases.hold(claimed, task)
        task.add_done_callback(lambda _: self._taking.freed(claimed))

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
        except TooNew as newer:
            # Rolling upgrade: a worker that can read it finds it in a while.
            logger.warning("job left for a later release", extra={"version": newer.version})
            await self._hand_back(claimed, later_ms=TOO_NEW_PAUSE_MS)
        except asyncio.CancelledError:
            # The lease was lost, or the drain time is over and `_drain` hands the job back.
            return
        except Exception:
            logger.exception("job broke, failing it")
            await fail(self._context, claimed, now_ms)

    async def _drain(self) -> None:
        """Let what is in work finish within the drain time, and hand the rest back at once."""
        held = self._leases.held
        logger.info("draining", extra={"in_work": len(held)})
        if held:
            await asyncio.wait([job.task for job in held], timeout=self._context.settings.drain_s)
        left = self._leases.held
        await cancel([job.task for job in left])
        # At once, so that a Redis that is away costs one wait and not one a job. The script refuses for a job
        # that settled after all.
        await asyncio.gather(*(self._hand_back(job.claimed) for job in left))

    async def _hand_back(self, claimed: Claimed, later_ms: int | None = None) -> None:
        with contextlib.suppress(RedisError, OSError):
            released = await self._context.jobs.release(self._context.worker_id, claimed, later_ms=later_ms)
            if released != "not_ours":
                metrics.jobs_handed_back.inc()
            if released == "handed_back_in_doubt":
                metrics.billing_doubts.inc()

    def _follow(self, orders: Orders) -> None:
        """Do what operators want from here on."""
        if orders.wish != self._taking.orders.wish:
            logger.info("worker told", extra={"wish": orders.wish or "go on"})
        self._taking.orders = orders
        if orders.wish == "drain":
            self.stop()

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
                mode=MODES.get(self._taking.orders.wish, "active"),
            )
            with contextlib.suppress(RedisError, OSError):
                self._follow(await self._heartbeats.beat(beat))
            slept = time.monotonic()
            await asyncio.sleep(BEAT_S)
            lag_s = max(0.0, time.monotonic() - slept - BEAT_S)
            metrics.worker_loop_lag.set(lag_s)


def _payload(claimed: Claimed) -> Payload | None:
    """Read the call; None when it expired unread or nobody can read it."""
    if claimed.payload is None:
        return None
    try:
        return decode_payload(claimed.payload)
    except msgspec.DecodeError:
        logger.error("payload unreadable")  # noqa: TRY400 - the error may quote the prompt
        return None
