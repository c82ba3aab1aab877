"""Stock arq: its defaults, but for the poll delay that is given."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.jobs import Job
from arq.worker import Worker, func

from tests.bench.peers import line


async def noop(ctx: dict[Any, Any], data: str) -> str:
    """Do nothing."""
    return line.ran()


async def work(url: str, poll_delay_s: str) -> None:
    """Run until SIGTERM."""
    worker = Worker(
        [func(noop, name="noop")],
        redis_settings=RedisSettings(unix_socket_path=urlsplit(url).path),
        poll_delay=float(poll_delay_s),
        max_jobs=line.SLOTS,
        handle_signals=False,
    )
    await worker.async_run()


class Client:
    """Enqueues and polls, as arq does."""

    def __init__(self, redis: ArqRedis, poll_delay_s: float) -> None:
        self._redis = redis
        self._poll_delay_s = poll_delay_s

    async def trip(self) -> None:
        """Enqueue, and poll for the result."""
        job = await self._enqueue()
        await job.result(timeout=line.TRIP_S, poll_delay=self._poll_delay_s)

    async def load(self) -> None:
        """Enqueue."""
        await self._enqueue()

    async def _enqueue(self) -> Job:
        job = await self._redis.enqueue_job("noop", line.PAYLOAD)
        assert job is not None
        return job


@contextlib.asynccontextmanager
async def client(url: str, poll_delay_s: str) -> AsyncIterator[Client]:
    """Connect."""
    redis = await create_pool(RedisSettings(unix_socket_path=urlsplit(url).path))
    yield Client(redis, float(poll_delay_s))
    await redis.aclose()


if __name__ == "__main__":
    line.main(work, client)
