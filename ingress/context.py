"""The singletons of one ingress process, built in one place and passed explicitly."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from msgspec import Struct
from redis.asyncio import Redis

from ingress.admission import Admission
from ingress.drain import Drain
from ingress.hub import RECHECK_S, WaiterHub
from shared.clients import KeyRing, key_ring
from shared.heartbeats import Heartbeats
from shared.jobs import JobQueue
from shared.redis import connect
from shared.redis.roles import RedisRoles, examine
from shared.settings import Settings
from shared.tasks import cancel

logger = logging.getLogger(__name__)

DEVELOPMENT_SECRET = b"sentinel/development"
"""Fingerprints without a secret of one's own; `load` refuses that in production."""


class IngressContext(Struct, frozen=True, kw_only=True):
    """Everything a handler needs."""

    settings: Settings
    fingerprint_secret: bytes
    key_ring: KeyRing
    queue: Redis
    cache: Redis
    redis_roles: RedisRoles
    admission: Admission
    jobs: JobQueue
    heartbeats: Heartbeats
    hub: WaiterHub
    drain: Drain
    draining: "asyncio.Task[None]"


@asynccontextmanager
async def ingress_context(settings: Settings) -> AsyncIterator[IngressContext]:
    """Connect to Redis and start listening.

    Raises RedisUnavailable when Redis stays away, and BadSetting when the queue Redis may lose accepted jobs
    in production.
    """
    ring = key_ring(settings.user_keys, settings.admin_keys)
    if not ring.clients:
        logger.warning("no API key is configured: set SENTINEL_USER_KEYS")
    ingress_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        queue = connect.connect(settings.redis_url, settings, client_name=ingress_id)
        listening = connect.connect(
            settings.redis_url, settings, blocking_s=RECHECK_S, client_name=f"{ingress_id}-hub"
        )
        cache = queue
        if settings.cache_url != settings.redis_url:
            cache = connect.connect(settings.cache_url, settings, client_name=ingress_id)
        for client in {queue, listening, cache}:
            stack.push_async_callback(client.aclose)
        await connect.wait_until_up(queue, "queue", settings.redis_url)
        if cache is not queue:
            await connect.wait_until_up(cache, "cache", settings.cache_url)
        redis_roles = await examine(queue, cache, settings)
        jobs = JobQueue(queue)
        drain = Drain()
        hub = WaiterHub(listening, jobs, ingress_id, settings.waiters_max)
        draining = _background(stack, drain.begun())
        _background(stack, hub.run())
        secret = settings.fingerprint_secret
        yield IngressContext(
            settings=settings,
            fingerprint_secret=secret.reveal().encode() if secret else DEVELOPMENT_SECRET,
            key_ring=ring,
            queue=queue,
            cache=cache,
            redis_roles=redis_roles,
            admission=Admission(queue, cache, settings),
            jobs=jobs,
            heartbeats=Heartbeats(queue),
            hub=hub,
            drain=drain,
            draining=draining,
        )


def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    task = asyncio.create_task(work)

    stack.push_async_callback(cancel, [task])
    return task
