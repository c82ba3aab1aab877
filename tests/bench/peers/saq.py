"""SAQ: a blocking list move, and results by pub/sub."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from redis.asyncio import Redis
from saq.queue.redis import RedisQueue  # type: ignore[import-not-found]
from saq.worker import Worker  # type: ignore[import-not-found]

from tests.bench.peers import line

CONCURRENCY = 10
"""SAQ's default: each slot is a blocked connection, and more of them are slower."""
LOOK_AGAIN_S = 0.5


async def noop(ctx: dict[str, Any], *, data: str) -> str:
    """Do nothing."""
    return line.ran()


async def work(url: str) -> None:
    """Run until SIGTERM."""
    queue = RedisQueue(Redis.from_url(url))
    await queue.connect()
    await Worker(queue, [("noop", noop)], concurrency=CONCURRENCY).start()


class Client:
    """Enqueues, and follows the job by pub/sub: SAQ's own `apply` polls every half second."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue

    async def trip(self) -> None:
        """Enqueue, and wait for the result."""
        job = await self._queue.enqueue("noop", data=line.PAYLOAD)
        while not job.completed:
            # SAQ looks first and subscribes then, so a result may come unheard: look again.
            with contextlib.suppress(TimeoutError):
                await job.refresh(until_complete=LOOK_AGAIN_S)

    async def load(self) -> None:
        """Enqueue."""
        await self._queue.enqueue("noop", data=line.PAYLOAD)


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Connect."""
    queue = RedisQueue(Redis.from_url(url))
    await queue.connect()
    yield Client(queue)
    await queue.disconnect()


if __name__ == "__main__":
    line.main(work, client)
