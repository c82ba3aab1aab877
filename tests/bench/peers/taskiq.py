"""taskiq on a Redis list: a blocking pop, and results that are polled for."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from taskiq.api import run_receiver_task  # type: ignore[import-not-found]
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend  # type: ignore[import-not-found]

from tests.bench.peers import line

CHECK_INTERVAL_S = 0.001


def _broker(url: str) -> tuple[Any, Any]:
    broker = ListQueueBroker(url).with_result_backend(RedisAsyncResultBackend(url, result_ex_time=60))
    return broker, broker.register_task(noop, task_name="noop")


async def noop(data: str) -> str:
    """Do nothing."""
    return line.ran()


async def work(url: str) -> None:
    """Run until SIGTERM."""
    broker, _ = _broker(url)
    await run_receiver_task(broker, max_async_tasks=line.SLOTS, run_startup=True)


class Client:
    """Kicks tasks, as taskiq calls it."""

    def __init__(self, task: Any) -> None:
        self._task = task

    async def trip(self) -> None:
        """Kick, and poll for the result."""
        kicked = await self._task.kiq(line.PAYLOAD)
        await kicked.wait_result(check_interval=CHECK_INTERVAL_S, timeout=line.TRIP_S)

    async def load(self) -> None:
        """Kick."""
        await self._task.kiq(line.PAYLOAD)


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Connect."""
    broker, task = _broker(url)
    await broker.startup()
    yield Client(task)
    await broker.shutdown()


if __name__ == "__main__":
    line.main(work, client)
