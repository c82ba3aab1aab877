"""The floor: two blocking hops between two processes, and no queue at all."""

import contextlib
from collections.abc import AsyncIterator

from redis.asyncio import Redis

from tests.bench.peers import line


async def work(url: str) -> None:
    """Answer everything that is pushed, for ever."""
    async with Redis.from_url(url) as redis:
        while True:
            popped = await redis.blpop(["there"], timeout=line.TRIP_S)
            if popped is not None:
                await redis.rpush("back", line.ran())


class Client:
    """Pushes there and pops what comes back."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def trip(self) -> None:
        """Go there and back."""
        await self.load()
        assert await self._redis.blpop(["back"], timeout=line.TRIP_S) is not None  # type: ignore[misc]

    async def load(self) -> None:
        """Go there."""
        await self._redis.rpush("there", line.PAYLOAD)  # type: ignore[misc]


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Client]:
    """Connect."""
    async with Redis.from_url(url) as redis:
        yield Client(redis)


if __name__ == "__main__":
    line.main(work, client)
