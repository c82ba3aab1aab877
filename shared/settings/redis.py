"""Which Redis servers there are, and how they are reached."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shared.settings.kinds import Count


@dataclass(frozen=True, kw_only=True)
class RedisSettings:
    """Which Redis servers there are, and how they are reached."""

    redis_url: Annotated[
        str, Meta(description="queue Redis: jobs, limits, ledger; wants noeviction and AOF")
    ] = "redis://127.0.0.1:6379/0"
    cache_redis_url: Annotated[
        str | None, Meta(description="cache Redis: entries and index; wants allkeys-lfu; default: redis_url")
    ] = None
    queue_shards: Annotated[
        str,
        Meta(
            description="comma list of further queue Redis URLs, the same on every process: jobs are spread "
            "over redis_url and these when one server is no longer enough"
        ),
    ] = ""
    worker_shards: Annotated[
        str,
        Meta(description="comma list of the queues (0 is redis_url) that a worker takes from; default: all"),
    ] = ""
    redis_timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="longest wait for one Redis reply; a paused Redis costs this much"),
    ] = 0.4
    redis_connections: Annotated[Count, Meta(description="connections one process may open to one Redis")] = (
        64
    )
