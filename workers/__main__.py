"""`python -m workers`: one worker process."""

import os

# Before numpy is imported: under load, two OpenBLAS threads are slower than one by far.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import asyncio
import logging
import signal
import sys
from typing import Any

import uvloop
from arq.worker import func
from prometheus_client import start_http_server

from shared import logs, settings as settings_module
from shared.errors import BadSetting, SentinelError
from shared.settings import Settings
from shared.wire.job import FUNCTION
from workers.context import worker_context
from workers.worker import SentinelWorker

logger = logging.getLogger(__name__)


async def work(settings: Settings) -> None:
    """Run one worker until SIGTERM or SIGINT; a second signal ends it at once."""
    async with worker_context(settings) as context:
        worker = SentinelWorker([func(_registered, name=FUNCTION)], context)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop_or_die, worker)
        if settings.worker_metrics_port:
            start_http_server(settings.worker_metrics_port, settings.host)
        await worker.main()


async def _registered(ctx: dict[Any, Any], *_args: Any, **_kwargs: Any) -> None:
    """Stand in arq's registry for the function that workers/run.py dispatches itself."""


def _stop_or_die(worker: SentinelWorker) -> None:
    if worker.stopping:
        os._exit(1)
    worker.stop()


def main() -> int:
    """Start; returns the exit code: 0 stopped, 2 bad setting, 1 no Redis."""
    try:
        settings = settings_module.load()
    except BadSetting as error:
        print(f"sentinel: {error.detail}", file=sys.stderr)  # noqa: T201 - there are no logs yet
        return 2
    logs.set_up("worker", settings.log_level)
    try:
        uvloop.run(work(settings))
    except SentinelError as error:
        logger.error("worker cannot run", extra={"code": error.code, "detail": error.detail})  # noqa: TRY400
        return 2 if isinstance(error, BadSetting) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
