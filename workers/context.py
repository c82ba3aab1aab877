"""The singletons of one worker process, built in one place and passed explicitly."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

import httpx
from arq.connections import ArqRedis
from msgspec import Struct
from redis.asyncio import Redis

from shared.cache import EntryStore
from shared.errors import BadSetting
from shared.jobs import JobQueue
from shared.redis import connect
from shared.redis.roles import examine
from shared.settings import Settings
from workers.providers.openai_compatible import OpenAICompatible
from workers.semantic.batcher import Batcher
from workers.semantic.embedder import Embedder
from workers.semantic.feed import BLOCK_MS, IndexFeed
from workers.semantic.nearest import Semantic


class WorkerContext(Struct, frozen=True, kw_only=True):
    """Everything a job needs."""

    worker_id: str
    settings: Settings
    redis: ArqRedis
    blocking: Redis
    jobs: JobQueue
    entries: EntryStore
    feed: IndexFeed
    semantic: Semantic
    provider: OpenAICompatible


@asynccontextmanager
async def worker_context(settings: Settings) -> AsyncIterator[WorkerContext]:
    """Connect to Redis, the embedder and the provider, and close them at the end.

    Raises RedisUnavailable when Redis stays away, and BadSetting when there is no provider key or when the
    queue Redis may lose accepted jobs in production.
    """
    worker_id = f"{socket.gethostname()}-{os.getpid()}"
    async with AsyncExitStack() as stack:
        redis = arq_redis(settings, worker_id)
        blocking = connect.connect(
            settings.redis_url, settings, blocking_s=BLOCK_MS / 1000, client_name=f"{worker_id}-bell"
        )
        cache = connect.connect(settings.cache_url, settings, client_name=worker_id)
        following = connect.connect(
            settings.cache_url, settings, blocking_s=BLOCK_MS / 1000, client_name=f"{worker_id}-index"
        )
        for client in (redis, blocking, cache, following):
            stack.push_async_callback(client.aclose)
        await connect.wait_until_up(redis, "queue", settings.redis_url)
        await connect.wait_until_up(cache, "cache", settings.cache_url)
        await examine(redis, cache, settings)
        http = await stack.enter_async_context(_http(settings))
        embedder, vendor = await _embedder(settings, http)
        stack.push_async_callback(embedder.aclose)
        entries = EntryStore(cache)
        feed = IndexFeed(cache, following, dimensions=embedder.dimensions, capacity=settings.index_capacity)
        yield WorkerContext(
            worker_id=worker_id,
            settings=settings,
            redis=redis,
            blocking=blocking,
            jobs=JobQueue(redis),
            entries=entries,
            feed=feed,
            semantic=Semantic(
                embedder,
                feed,
                entries,
                threshold=settings.similarity_threshold,
                deadline_s=settings.embed_deadline_s,
                vendor=vendor,
            ),
            provider=_provider(settings, http),
        )


def _http(settings: Settings) -> httpx.AsyncClient:
    # A slot never waits for a connection: the provider's limits are paced, not queued for. Each call has a
    # total deadline of its own, of which httpx knows only the parts.
    return httpx.AsyncClient(
        timeout=settings.provider_deadline_s,
        limits=httpx.Limits(max_connections=settings.slots * 2, max_keepalive_connections=settings.slots),
    )


def arq_redis(settings: Settings, client_name: str) -> ArqRedis:
    """Make arq's client, which can also enqueue, on connections whose every wait ends."""
    pool = connect.pool(settings.redis_url, settings, client_name=client_name)
    return cast("ArqRedis", ArqRedis.from_pool(pool))


async def _embedder(settings: Settings, http: httpx.AsyncClient) -> tuple[Embedder, str]:
    if settings.jina_api_key is not None:
        from workers.semantic.jina import Jina  # noqa: PLC0415 - only the embedder in use is loaded

        jina = Jina(
            settings.jina_api_key.reveal(),
            http=http,
            base_url=settings.jina_base_url,
            model=settings.jina_model,
            deadline_s=settings.embed_deadline_s,
        )
        return Batcher(jina, window_s=settings.embed_window_s), "jina"
    from workers.semantic.minilm import LocalEmbedder  # noqa: PLC0415 - onnxruntime costs 100 ms to import

    local = await LocalEmbedder.open(Path(settings.local_model_dir))
    # One thread computes: a second flight would only stand in its queue.
    return Batcher(local, window_s=settings.embed_window_s, concurrency=1), "local"


def _provider(settings: Settings, http: httpx.AsyncClient) -> OpenAICompatible:
    if settings.groq_api_key is None:
        raise BadSetting("GROQ_API_KEY", "is not set; `sentinel up` starts a simulator when there is no key")
    return OpenAICompatible(
        settings.provider,
        settings.groq_base_url,
        settings.groq_api_key,
        http,
        max_bytes=settings.provider_max_bytes,
    )
