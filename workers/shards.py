"""One worker process on several queues: a context for each, which shares all but the queue itself."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from shared.jobs import JobQueue
from shared.redis import connect
from shared.redis.roles import examine_shard
from workers.committer import Committer
from workers.context import WorkerContext, arq_redis
from workers.taking import BELL_WAIT_S


@asynccontextmanager
async def subscribed(home: WorkerContext) -> AsyncIterator[list[WorkerContext]]:
    """Connect to the queues that this worker takes from; raises RedisUnavailable and BadSetting."""
    urls = home.settings.queue_urls
    async with AsyncExitStack() as stack:
        yield [
            home if number == 0 else await _on_queue(home, urls[number], stack)
            for number in home.settings.subscribed_shards
        ]


async def _on_queue(home: WorkerContext, url: str, stack: AsyncExitStack) -> WorkerContext:
    settings = home.settings
    redis = arq_redis(url, settings, home.worker_id)
    blocking = connect.connect(url, settings, blocking_s=BELL_WAIT_S, client_name=f"{home.worker_id}-bell")
    for client in (redis, blocking):
        stack.push_async_callback(client.aclose)
    await connect.wait_until_up(redis, "queue", url)
    await examine_shard(redis, settings)
    jobs = JobQueue(redis)
    committer = Committer(jobs, home.worker_id, settings)
    return msgspec.structs.replace(home, redis=redis, blocking=blocking, jobs=jobs, committer=committer)
