"""Every Redis that an ingress talks to, up and examined."""

from contextlib import AsyncExitStack

from msgspec import Struct
from redis.asyncio import Redis

from ingress.hub import RECHECK_S
from shared.redis import connect
from shared.redis.roles import RedisRoles, examine, examine_shard
from shared.settings import Settings


class Connections(Struct, frozen=True):
    """The first queue is home to what does not belong to a job; `cache` may be that one."""

    queues: tuple[Redis, ...]
    listening: tuple[Redis, ...]
    cache: Redis
    roles: RedisRoles


async def connected(stack: AsyncExitStack, settings: Settings, ingress_id: str) -> Connections:
    """Connect to every Redis and wait until it answers; `stack` closes them.

    Raises RedisUnavailable when one stays away, and BadSetting when one may lose accepted jobs in production.
    """
    queues = tuple(connect.connect(url, settings, client_name=ingress_id) for url in settings.queue_urls)
    listening = tuple(
        connect.connect(url, settings, blocking_s=RECHECK_S, client_name=f"{ingress_id}-hub")
        for url in settings.queue_urls
    )
    cache = queues[0]
    if settings.cache_url != settings.redis_url:
        cache = connect.connect(settings.cache_url, settings, client_name=ingress_id)
    for client in {*queues, *listening, cache}:
        stack.push_async_callback(client.aclose)
    for shard, url in zip(queues, settings.queue_urls, strict=True):
        await connect.wait_until_up(shard, "queue", url)
    if cache is not queues[0]:
        await connect.wait_until_up(cache, "cache", settings.cache_url)
    roles = await examine(queues[0], cache, settings)
    for shard in queues[1:]:
        await examine_shard(shard, settings)
    return Connections(queues, listening, cache, roles)
