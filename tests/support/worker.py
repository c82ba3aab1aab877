"""A worker inside the test's own process, on a real Redis, with a provider that the test scripts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from arq.worker import Function, func
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.jobs import JobQueue
from shared.redis import connect
from shared.settings import Settings
from shared.wire.completion import Completion
from shared.wire.outcome import Answer, Usage
from workers.context import WorkerContext, arq_redis
from workers.semantic.embedder import Embedded
from workers.semantic.feed import IndexFeed
from workers.semantic.nearest import Semantic
from workers.worker import SentinelWorker

DIMENSIONS = 8


class FakeEmbedder:
    """Vectors from a table; what is not in it is orthogonal to everything that is."""

    name = "fake/8"
    dimensions = DIMENSIONS
    threshold = 0.9

    def __init__(self) -> None:
        self.table: dict[str, Sequence[float]] = {}
        self.error: Exception | None = None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Look the texts up."""
        if self.error is not None:
            raise self.error
        rows = [self.table.get(text, [0] * (DIMENSIONS - 1) + [1]) for text in texts]
        vectors = np.asarray(rows, dtype=np.float32)
        return Embedded(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), 1, (False,) * len(texts))

    async def aclose(self) -> None:
        """Hold nothing."""


class FakeProvider:
    """Answers what the test says, when it says so; counts its calls."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[Completion] = []
        self.reply: Callable[[Completion], Any] = lambda completion: f"answer to {completion.question}"
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def complete(self, completion: Completion, *, deadline_s: float, now_ms: int) -> Answer:
        """Answer once the test allows it."""
        self.calls.append(completion)
        self.called.set()
        async with asyncio.timeout(deadline_s):
            await self.may_answer.wait()
        text = self.reply(completion)
        if isinstance(text, Exception):
            raise text
        return Answer(
            text=text,
            finish_reason="stop",
            model=completion.model,
            provider=self.name,
            usage=Usage(3, 5),
            cost=42,
            created_at_ms=now_ms,
        )


@contextlib.asynccontextmanager
async def context(url: str, settings: Settings, name: str = "w") -> AsyncIterator[WorkerContext]:
    """A worker's context with a fake embedder and a fake provider."""
    redis = arq_redis(settings, name)
    blocking = connect.connect(url, settings, blocking_s=1, client_name=f"{name}-bell")
    following = connect.connect(url, settings, blocking_s=1, client_name=f"{name}-index")
    entries = EntryStore(redis)
    embedder = FakeEmbedder()
    feed = IndexFeed(redis, following, dimensions=DIMENSIONS, capacity=100)
    yield WorkerContext(
        worker_id=name,
        settings=settings,
        redis=redis,
        blocking=blocking,
        jobs=JobQueue(redis),
        entries=entries,
        feed=feed,
        semantic=Semantic(embedder, feed, entries, threshold=None, deadline_s=2, vendor="local"),
        provider=FakeProvider(),  # type: ignore[arg-type]
    )
    for client in (redis, blocking, following):
        await client.aclose()


@contextlib.asynccontextmanager
async def at_work(ctx: WorkerContext, functions: Sequence[Function]) -> AsyncIterator[SentinelWorker]:
    """Run a worker beside the test and stop it at the end."""
    worker = SentinelWorker(functions, ctx)
    running = asyncio.create_task(worker.main())
    try:
        yield worker
    finally:
        worker.stop()
        await running


async def double(ctx: dict[Any, Any], number: int, *, plus: int = 0) -> int:
    """Be a function as users of stock arq write them."""
    return number * 2 + plus


async def broken(ctx: dict[Any, Any]) -> None:
    """Be a function that fails."""
    raise ValueError("no luck")


STOCK = (func(double, name="double"), func(broken, name="broken"))


async def until(condition: Callable[[], Awaitable[bool]], within: float = 5) -> None:
    """Wait for something that another task or process does."""
    async with asyncio.timeout(within):
        while not await condition():  # noqa: ASYNC110 - what is waited for may be another process
            await asyncio.sleep(0.005)


async def outcome_of(redis: Redis, jobs: JobQueue, job_id: str, within: float = 10) -> bytes:
    """Wait until a job has settled."""
    async with asyncio.timeout(within):
        while True:
            [found] = await jobs.outcomes([job_id])
            if found is not None:
                return found
            await asyncio.sleep(0.01)
