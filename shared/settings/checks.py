"""What must be true of several settings at once."""

from shared import prices, providers_file
from shared.errors import BadSetting
from shared.settings import Settings


def _check_shards(settings: Settings) -> None:
    if len(set(settings.queue_urls)) < len(settings.queue_urls):
        raise BadSetting("SENTINEL_QUEUE_SHARDS", "names a server twice, or SENTINEL_REDIS_URL again")
    known = range(len(settings.queue_urls))
    named = [name.strip() for name in settings.worker_shards.split(",") if name.strip()]
    if any(not name.isdecimal() or int(name) not in known for name in named):
        raise BadSetting("SENTINEL_WORKER_SHARDS", f"must list numbers from 0 to {known[-1]}")


def _check_providers(settings: Settings) -> None:
    trouble = providers_file.url_trouble(settings.groq_base_url)
    if trouble:
        raise BadSetting("GROQ_BASE_URL", trouble)
    if settings.providers_file is not None:
        providers_file.check_fallback(providers_file.read(settings.providers_file), settings.provider)


def _check_embedder(settings: Settings) -> None:
    if settings.embedder == "jina" and settings.jina_api_key is None:
        raise BadSetting("JINA_API_KEY", "must be set when SENTINEL_EMBEDDER=jina")
    trouble = providers_file.url_trouble(settings.embedder_base_url)
    if trouble:
        raise BadSetting("SENTINEL_EMBEDDER_BASE_URL", trouble)


def _check_shared_scope(settings: Settings) -> None:
    if settings.shared_after_tenants == 1:
        raise BadSetting("SENTINEL_SHARED_AFTER_TENANTS", "must be 0 or at least 2: one tenant's are its own")


def check_together(settings: Settings) -> None:
    """Raise BadSetting for values that are well formed but make no sense together."""
    if settings.prices_file is not None:
        prices.read_own(settings.prices_file)
    _check_shards(settings)
    _check_shared_scope(settings)
    if settings.admin_port == settings.port:
        raise BadSetting("SENTINEL_ADMIN_PORT", "is SENTINEL_PORT; choose another, or 0 for none")
    if settings.rate_without_redis == "local" and settings.cache_url == settings.redis_url:
        raise BadSetting(
            "SENTINEL_RATE_WITHOUT_REDIS",
            "local needs SENTINEL_CACHE_REDIS_URL: nothing else can answer then",
        )
    if settings.reserved_slots >= settings.slots:
        raise BadSetting("SENTINEL_RESERVED_SLOTS", f"leaves batch jobs none of {settings.slots} slots")
    if settings.wait_default_s > settings.wait_max_s:
        raise BadSetting("SENTINEL_WAIT_DEFAULT_S", f"is above SENTINEL_WAIT_MAX_S ({settings.wait_max_s:g})")
    if settings.breaker_cooldown_s > settings.breaker_cooldown_max_s:
        raise BadSetting(
            "SENTINEL_BREAKER_COOLDOWN_S",
            f"is above SENTINEL_BREAKER_COOLDOWN_MAX_S ({settings.breaker_cooldown_max_s:g})",
        )
    if settings.breaker_failures > settings.breaker_window:
        raise BadSetting("SENTINEL_BREAKER_FAILURES", "is above SENTINEL_BREAKER_WINDOW: it could never open")
    _check_providers(settings)
    _check_embedder(settings)
    if settings.provider_deadline_s > settings.job_deadline_s:
        raise BadSetting(
            "SENTINEL_PROVIDER_DEADLINE_S", f"is above SENTINEL_JOB_DEADLINE_S ({settings.job_deadline_s:g})"
        )
    if settings.env == "production" and settings.fingerprint_secret is None:
        raise BadSetting("SENTINEL_FINGERPRINT_SECRET", "must be set when SENTINEL_ENV=production")
