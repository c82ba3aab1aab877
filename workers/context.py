"""The singletons of one worker process, built in one place and passed explicitly."""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import cast

import httpx
from arq.connections import ArqRedis
from msgspec import Struct
from redis.asyncio import Redis

from shared.breakers import Breakers, policy_of
from shared.cache import EntryStore
from shared.embeddings import EmbeddingCache
from shared.entry_list import EntryHits
from shared.jobs import JobQueue
from shared.rates import Rates
from shared.redis import connect
from shared.redis.roles import examine
from shared.settings import Settings
from shared.shared_scope import SharedScope
from workers.committer import Committer
from workers.lessons import Lessons
from workers.providers.buying import Buyer
from workers.providers.offers import buyer
from workers.semantic.embedder import Embedder
from workers.semantic.embedders import open_embedder
from workers.semantic.engine_index import EngineIndex
from workers.semantic.feed import BLOCK_MS, IndexFeed
from workers.semantic.fleet_index import FleetIndex
from workers.semantic.nearest import Semantic
from workers.trust import open_judge, open_shadow, semantic_step


class WorkerContext(Struct, frozen=True, kw_only=True):
    """Everything a job needs."""

    worker_id: str
    settings: Settings
    redis: ArqRedis
    blocking: Redis
    jobs: JobQueue
    committer: Committer
    entries: EntryStore
    feed: IndexFeed
    index: FleetIndex
    semantic: Semantic
    embeddings: EmbeddingCache
    buyer: Buyer
    lessons: Lessons
    rates: Rates
    entry_hits: EntryHits
    shared_scope: SharedScope


@asynccontextmanager
async def worker_context(settings: Settings) -> AsyncIterator[WorkerContext]:
    """Connect to Redis, the embedder and the provider, and close them at the end.

    Raises RedisUnavailable when Redis stays away, and BadSetting when there is no provider key or when the
    queue Redis may lose accepted jobs in production.
    """
    worker_id = new_worker_id()
    async with AsyncExitStack() as stack:
        redis = arq_redis(settings.redis_url, settings, worker_id)
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
        embedder = await open_embedder(settings, http, Breakers(redis, policy_of(settings)))
        stack.push_async_callback(embedder.aclose)
        judge = await open_judge(settings)
        stack.push_async_callback(judge.aclose)
        jobs = JobQueue(redis)
        entries = EntryStore(cache, key_writes_per_hour=settings.key_writes_per_hour)
        feed = _feed(cache, following, embedder, settings)
        engine = EngineIndex(cache, embedder.name, embedder.dimensions)
        index = FleetIndex(cache, feed, engine, settings.index)
        shadow = await open_shadow(settings, embedder, index, entries)
        semantic, lessons = semantic_step(settings, redis, embedder, index, entries, judge, shadow)
        stack.push_async_callback(lessons.aclose)
        yield WorkerContext(
            worker_id=worker_id,
            settings=settings,
            redis=redis,
            blocking=blocking,
            jobs=jobs,
            committer=Committer(jobs, worker_id, settings),
            entries=entries,
            feed=feed,
            index=index,
            semantic=semantic,
            embeddings=EmbeddingCache(cache),
            buyer=await buyer(settings, redis, stack),
            lessons=lessons,
            rates=Rates(redis),
            entry_hits=EntryHits(cache),
            shared_scope=SharedScope(cache, entries, settings.shared_after_tenants),
        )


def _feed(cache: Redis, following: Redis, embedder: Embedder, settings: Settings) -> IndexFeed:
    return IndexFeed(
        cache,
        following,
        dimensions=embedder.dimensions,
        capacity=settings.index_capacity,
        memory_bytes=settings.index_memory_mb << 20,
    )


def new_worker_id() -> str:
    """Name a worker process as no other was ever named.

    A restarted container has its predecessor's host and process id. Taken for it, it would hand the dead
    one's jobs back as its own lost claims, uncounted, and a job that kills workers would never be given up.
    """
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def _http(settings: Settings) -> httpx.AsyncClient:
    # A slot never waits for a connection: the provider's limits are paced, not queued for. Each call has a
    # total deadline of its own, of which httpx knows only the parts.
    return httpx.AsyncClient(
        timeout=settings.provider_deadline_s,
        limits=httpx.Limits(max_connections=settings.slots * 2, max_keepalive_connections=settings.slots),
    )


def arq_redis(url: str, settings: Settings, client_name: str) -> ArqRedis:
    """Make arq's client, which can also enqueue, on connections whose every wait ends."""
    pool = connect.pool(url, settings, client_name=client_name)
    return cast("ArqRedis", ArqRedis.from_pool(pool))
