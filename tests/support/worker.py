"""A worker inside the test's own process, on a real Redis, with a provider that the test scripts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import numpy as np
from arq.worker import Function, func
from redis.asyncio import Redis

from shared.breakers import Breakers, policy_of
from shared.cache import EntryStore
from shared.embeddings import EmbeddingCache
from shared.entry_list import EntryHits
from shared.jobs import JobQueue
from shared.pacing import Line, Pacing
from shared.rates import Rates
from shared.redis import connect
from shared.retry_budget import RetryBudget
from shared.settings import Settings
from shared.shared_scope import SharedScope
from shared.tasks import cancel
from shared.wire.completion import Completion
from shared.wire.outcome import Answer, Usage
from workers.committer import Committer
from workers.context import WorkerContext, arq_redis
from workers.providers.buying import Buyer, Offer
from workers.semantic.embedder import Embedded
from workers.semantic.engine_index import EngineIndex
from workers.semantic.feed import IndexFeed
from workers.semantic.fleet_index import FleetIndex
from workers.semantic.judging import Judge
from workers.telling import Telling
from workers.trust import semantic_step
from workers.worker import SentinelWorker

DIMENSIONS = 8


class FakeEmbedder:
    """Vectors from a table; what is not in it is orthogonal to everything that is."""

    name = "fake/8"
    model = "fake"
    vendor = "local"
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
        self.call_ids: list[str] = []
        self.reply: Callable[[Completion], Any] = lambda completion: f"answer to {completion.question}"
        self.called = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def complete(
        self,
        completion: Completion,
        *,
        deadline_s: float,
        now_ms: int,
        call_id: str = "",
        telling: Telling | None = None,  # noqa: ARG002 - the protocol's; this one says it all at once
    ) -> Answer:
        """Answer once the test allows it."""
        self.calls.append(completion)
        self.call_ids.append(call_id)
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


def selling(provider: FakeProvider, redis: Redis, settings: Settings) -> Buyer:
    """Return a buyer to whom this provider offers every model."""
    return Buyer(
        lambda model: [Offer(provider, Line(provider.name, model))],
        settings,
        breakers=Breakers(redis, policy_of(settings)),
        pacing=Pacing(redis, settings),
        retries=RetryBudget(redis, settings),
    )


@contextlib.asynccontextmanager
async def context(
    url: str, settings: Settings, name: str = "w", judge: Judge | None = None
) -> AsyncIterator[WorkerContext]:
    """A worker's context with a fake embedder and a fake provider."""
    redis = arq_redis(url, settings, name)
    blocking = connect.connect(url, settings, blocking_s=1, client_name=f"{name}-bell")
    following = connect.connect(url, settings, blocking_s=1, client_name=f"{name}-index")
    jobs = JobQueue(redis)
    entries = EntryStore(redis)
    embedder = FakeEmbedder()
    feed = IndexFeed(redis, following, dimensions=DIMENSIONS, capacity=100)
    engine = EngineIndex(redis, embedder.name, DIMENSIONS)
    index = FleetIndex(redis, feed, engine, settings.index)
    # By guards alone, unless a test says otherwise: no model is loaded.
    judge = judge or Judge("cosine" if settings.semantic_policy == "cosine" else "guards")
    semantic, lessons = semantic_step(settings, redis, embedder, index, entries, judge)
    yield WorkerContext(
        worker_id=name,
        settings=settings,
        redis=redis,
        blocking=blocking,
        jobs=jobs,
        committer=Committer(jobs, name, settings),
        entries=entries,
        feed=feed,
        index=index,
        semantic=semantic,
        embeddings=EmbeddingCache(redis),
        buyer=selling(FakeProvider(), redis, settings),
        lessons=lessons,
        rates=Rates(redis),
        entry_hits=EntryHits(redis),
        shared_scope=SharedScope(redis, entries, settings.shared_after_tenants),
    )
    await lessons.aclose()
    for client in (redis, blocking, following):
        await client.aclose()


@contextlib.asynccontextmanager
async def at_work(ctx: WorkerContext, functions: Sequence[Function]) -> AsyncIterator[SentinelWorker]:
    """Run a worker beside the test and stop it at the end."""
    worker = SentinelWorker(functions, ctx)
    running = asyncio.create_task(worker.main())
    following = asyncio.create_task(ctx.index.follow())
    try:
        yield worker
    finally:
        worker.stop()
        await running
        await cancel([following])


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
