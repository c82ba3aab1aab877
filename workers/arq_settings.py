"""What `arq --check workers.arq_settings.WorkerSettings` needs to find our workers' heartbeat.

It names no function, so that arq refuses to start its own worker on our queue: that one knows no fence.
"""

from typing import ClassVar

from arq.connections import RedisSettings

from shared.redis import keys
from shared.settings.loading import load


class WorkerSettings:
    """The queue that the environment names, as arq's command line reads it."""

    redis_settings: ClassVar[RedisSettings] = RedisSettings.from_dsn(load().redis_url)
    queue_name: ClassVar[str] = keys.queue()
