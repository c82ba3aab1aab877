"""`python -m workers`: one worker process."""

import os

# Before numpy is imported: under load, two OpenBLAS threads are slower than one by far.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

import uvloop
from arq.worker import func
from prometheus_client import start_http_server
from redis.exceptions import RedisError

from shared import logs, tracing
from shared.errors import BadSetting, SentinelError
from shared.settings import Settings
from shared.settings.loading import load
from shared.tasks import cancel
from shared.wire.job import FUNCTION
from workers import embedding_costs
from workers.context import WorkerContext, worker_context
from workers.shards import subscribed
from workers.worker import SentinelWorker

logger = logging.getLogger(__name__)


async def work(settings: Settings) -> None:
    """Run one worker on its queues until SIGTERM or SIGINT; a second signal ends it at once."""
    async with worker_context(settings) as home, subscribed(home) as contexts:
        workers = [SentinelWorker([func(_registered, name=FUNCTION)], context) for context in contexts]
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_or_die, workers)
        if settings.worker_metrics_port:
            start_http_server(settings.worker_metrics_port, settings.host)
        following = asyncio.create_task(_follow(home, workers))
        booking = asyncio.create_task(embedding_costs.keep_booking(home.semantic, home.redis))
        try:
            await asyncio.gather(*(_until_stopped(worker, workers) for worker in workers))
        finally:
            await cancel([following, booking])
            with contextlib.suppress(RedisError, OSError):
                await embedding_costs.book(home.semantic, home.redis)


async def _follow(home: WorkerContext, workers: Sequence[SentinelWorker]) -> None:
    try:
        await home.index.follow()
    except Exception:
        # Without its index a worker only looks alive: better to stop and be restarted.
        logger.exception("index feed broke, stopping")
        for worker in workers:
            worker.stop()


async def _until_stopped(worker: SentinelWorker, all_of_them: Sequence[SentinelWorker]) -> None:
    await worker.main()
    # One that stopped by itself has lost a loop: the process is to be restarted as a whole.
    for other in all_of_them:
        other.stop()


async def _registered(ctx: dict[Any, Any], *_args: Any, **_kwargs: Any) -> None:
    """Stand in arq's registry for the function that workers/run.py dispatches itself."""


def _stop_or_die(workers: Sequence[SentinelWorker]) -> None:
    if any(worker.stopping for worker in workers):
        os._exit(1)
    for worker in workers:
        worker.stop()


def main() -> int:
    """Start; returns the exit code: 0 stopped, 2 bad setting, 1 no Redis."""
    try:
        settings = load()
    except BadSetting as error:
        print(f"sentinel: {error.detail}", file=sys.stderr)  # noqa: T201 - there are no logs yet
        return 2
    logs.set_up("worker", settings.log_level)
    try:
        tracing.set_up("worker", settings)
        uvloop.run(work(settings))
    except SentinelError as error:
        logger.error("worker cannot run", extra={"code": error.code, "detail": error.detail})  # noqa: TRY400
        return 2 if isinstance(error, BadSetting) else 1
    finally:
        tracing.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
