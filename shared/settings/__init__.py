"""Every number, name and secret that a user may set, with its unit, default and reason."""

from dataclasses import dataclass

from shared import providers_file
from shared.settings.access import AccessSettings
from shared.settings.asking import AskingSettings
from shared.settings.breaking import BreakerSettings
from shared.settings.caching import CachingSettings
from shared.settings.money import MoneySettings
from shared.settings.process import ProcessSettings
from shared.settings.providing import ProviderSettings
from shared.settings.queueing import QueueingSettings
from shared.settings.redis import RedisSettings
from shared.settings.serving import ServingSettings
from shared.settings.tracing import TracingSettings
from shared.settings.trusting import TrustSettings


@dataclass(frozen=True, kw_only=True)
class Settings(
    ProcessSettings,
    TracingSettings,
    ServingSettings,
    RedisSettings,
    AccessSettings,
    MoneySettings,
    AskingSettings,
    CachingSettings,
    TrustSettings,
    QueueingSettings,
    ProviderSettings,
    BreakerSettings,
):
    """What one process was told, validated; built once by `load` and passed on explicitly."""

    @property
    def known_models(self) -> tuple[str, ...]:
        """The default model first, then the others, then those of the providers' file, each once."""
        further = () if self.providers_file is None else providers_file.read(self.providers_file).models
        return tuple(dict.fromkeys((*self.own_models, *further)))

    @property
    def own_models(self) -> tuple[str, ...]:
        """The models that are named here rather than in the providers' file."""
        named = (self.model, *(name.strip() for name in self.models.split(",")))
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def local_model_dir(self) -> str:
        """Where the local sentence model is."""
        return self.model_dir or f"{self.data_dir}/models"

    @property
    def queue_urls(self) -> tuple[str, ...]:
        """Every queue Redis; the first is home to what does not belong to a job."""
        return (self.redis_url, *(url.strip() for url in self.queue_shards.split(",") if url.strip()))

    @property
    def subscribed_shards(self) -> tuple[int, ...]:
        """The numbers of the queues that a worker takes from."""
        named = [name.strip() for name in self.worker_shards.split(",") if name.strip()]
        return tuple(map(int, named)) if named else tuple(range(len(self.queue_urls)))

    @property
    def cache_url(self) -> str:
        """The cache Redis, which may be the queue Redis."""
        return self.cache_redis_url or self.redis_url


GROUPS = Settings.__bases__
"""In the order in which they are listed."""
