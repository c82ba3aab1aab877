"""A worker whose one function returns when it ran: `python -m tests.bench.stamping_worker ours|stock URL`."""

import asyncio
import signal
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import msgspec
import uvloop
from arq.connections import RedisSettings
from arq.worker import Worker, func

from shared.settings import Settings
from tests.support import worker as support
from workers.worker import SentinelWorker


async def stamp(ctx: dict[Any, Any]) -> int:
    """Return the machine's monotonic time in nanoseconds."""
    return time.monotonic_ns()


async def ours(url: str) -> None:
    """Run our worker until SIGTERM."""
    async with support.context(url, Settings(redis_url=url)) as ctx:
        worker = SentinelWorker([func(stamp, name="stamp")], ctx)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.stop)
        print("ready", flush=True)
        await worker.main()


async def stock(url: str) -> None:
    """Run arq's own worker with its defaults but for pickle."""
    worker = Worker(
        [func(stamp, name="stamp")],
        redis_settings=RedisSettings(unix_socket_path=urlsplit(url).path),
        job_serializer=msgspec.msgpack.encode,
        job_deserializer=msgspec.msgpack.decode,
        handle_signals=False,
    )
    print("ready", flush=True)
    await worker.async_run()


if __name__ == "__main__":
    uvloop.run({"ours": ours, "stock": stock}[sys.argv[1]](sys.argv[2]))
