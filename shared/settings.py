"""Every number, name and secret that a user may set, with its unit, default and reason."""

import difflib
import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from shared.errors import BadSetting
from shared.secret import Secret

PREFIX = "SENTINEL_"

# Names that other tools already use are kept as they are, so that an existing shell works unchanged.
FOREIGN_NAMES: Mapping[str, str] = {
    "groq_api_key": "GROQ_API_KEY",
    "groq_base_url": "GROQ_BASE_URL",
    "jina_api_key": "JINA_API_KEY",
    "jina_base_url": "JINA_BASE_URL",
}

Port = Annotated[int, Meta(ge=1, le=65535)]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Count = Annotated[int, Meta(ge=1, le=100_000_000)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one process was told, validated; built once by `load` and passed on explicitly."""

    env: Annotated[
        Literal["development", "production"],
        Meta(description="production refuses the simulator and generated secrets"),
    ] = "development"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="lowest level that is logged")
    ] = "info"

    # Where things are
    host: Annotated[str, Meta(description="address the ingress listens on; loopback unless you decide")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="port the ingress listens on")] = 8000
    workers: Annotated[
        int,
        Meta(ge=1, le=64, description="worker processes started by `sentinel up`; elsewhere scale by hand"),
    ] = 2
    redis_url: Annotated[
        str, Meta(description="queue Redis: jobs, limits, ledger; wants noeviction and AOF")
    ] = "redis://127.0.0.1:6379/0"
    cache_redis_url: Annotated[
        str | None, Meta(description="cache Redis: entries and index; wants allkeys-lfu; default: redis_url")
    ] = None
    data_dir: Annotated[str, Meta(description="where `sentinel up` keeps Redis data, keys and models")] = (
        ".sentinel"
    )
    model_dir: Annotated[
        str | None, Meta(description="where the local sentence model is built; default: data_dir/models")
    ] = None

    # Who may ask
    user_keys: Annotated[
        Secret | None, Meta(description="comma list of `key` or `tenant:key` that may query")
    ] = None
    admin_keys: Annotated[
        Secret | None, Meta(description="comma list of `key` or `tenant:key` that may also administer")
    ] = None
    fingerprint_secret: Annotated[
        Secret | None,
        Meta(description="HMAC key of fingerprints; the same on every process, or caches are not shared"),
    ] = None
    rate_capacity: Annotated[
        float, Meta(ge=1, le=1e9, description="tokens a key's bucket holds: the largest burst, in requests")
    ] = 100.0
    rate_refill_per_s: Annotated[
        float, Meta(gt=0, le=1e9, description="tokens a key's bucket regains per second (100 per 60 s)")
    ] = 1.667

    # What is asked
    model: Annotated[str, Meta(description="model used when a request names none")] = "openai/gpt-oss-20b"
    models: Annotated[str, Meta(description="comma list of further models that callers may name")] = (
        "openai/gpt-oss-120b"
    )
    max_body_bytes: Annotated[
        Count, Meta(description="largest request body, in bytes; a prompt of 128k tokens fits in 1 MiB")
    ] = 1_048_576
    wait_default_s: Annotated[
        Seconds, Meta(description="how long a caller waits when it does not say, in seconds")
    ] = 30.0
    wait_max_s: Annotated[
        Seconds,
        Meta(description="longest wait a caller may ask for; below the 60 s idle limit of most proxies"),
    ] = 60.0
    job_deadline_s: Annotated[
        Seconds, Meta(description="a job not settled this long after its submission fails, in seconds")
    ] = 120.0
    outcome_ttl_s: Annotated[
        Seconds, Meta(description="how long a settled job can be read by its id, in seconds")
    ] = 3600.0
    failure_ttl_s: Annotated[
        Seconds, Meta(description="how long a failed job can be read by its id, in seconds")
    ] = 300.0
    handoff_s: Annotated[
        Seconds,
        Meta(description="how long a settled flight still answers twins that missed its entry, in seconds"),
    ] = 2.0

    # The cache
    entry_ttl_s: Annotated[
        Seconds, Meta(description="how long an answer may be served again, in seconds (30 days)")
    ] = 2_592_000.0
    similarity_threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="least cosine similarity of a semantic hit; default: the embedder's calibrated one"),
    ] = None
    index_capacity: Annotated[
        Count, Meta(description="vectors a worker keeps in memory per partition (384 float32: 1.5 kB each)")
    ] = 200_000

    # The queue
    queue_depth_max: Annotated[
        Count, Meta(description="jobs that may wait; above it callers get 503 and Retry-After")
    ] = 10_000
    waiters_max: Annotated[
        Count, Meta(description="callers one ingress lets wait at once; above it they get a job id at once")
    ] = 5_000
    slots: Annotated[
        int,
        Meta(ge=1, le=10_000, description="jobs one worker runs at once; they mostly wait for the provider"),
    ] = 64
    lease_s: Annotated[
        float,
        Meta(
            ge=0.5, le=300, description="how long a claimed job is its worker's without renewal, in seconds"
        ),
    ] = 3.0
    tries_max: Annotated[
        int, Meta(ge=1, le=100, description="starts after which a job that kills workers fails")
    ] = 3
    reserved_slots: Annotated[
        int, Meta(ge=0, le=10_000, description="slots of a worker that batch jobs leave to interactive ones")
    ] = 8
    rerun_unsettled: Annotated[
        Literal["retry", "fail"],
        Meta(description="a job whose worker died after sending its question: send again, or fail it"),
    ] = "retry"
    reruns_max: Annotated[
        int, Meta(ge=0, le=100, description="how often such a job is sent again, as each time may be billed")
    ] = 2
    cancel_running: Annotated[
        Literal["stop", "finish"],
        Meta(description="a running job that nobody wants any more: stop it, or let it finish for the cache"),
    ] = "stop"
    dead_letters_max: Annotated[
        Count, Meta(description="jobs given up that are kept for `sentinel dead`; the oldest go first")
    ] = 10_000
    reap_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="pause between looks for workers whose connections are gone; two count",
        ),
    ] = 0.25
    drain_s: Annotated[
        float, Meta(ge=0, le=3600, description="time that work in flight gets after SIGTERM, in seconds")
    ] = 10.0

    # Redis connections
    redis_timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="longest wait for one Redis reply; a paused Redis costs this much"),
    ] = 0.4
    redis_connections: Annotated[Count, Meta(description="connections one process may open to one Redis")] = (
        64
    )

    # Upstreams
    groq_api_key: Annotated[
        Secret | None, Meta(description="the provider's key; without it `up` simulates")
    ] = None
    groq_base_url: Annotated[str, Meta(description="root of an OpenAI-compatible provider")] = (
        "https://api.groq.com"
    )
    provider: Annotated[str, Meta(description="name of the provider in answers, metrics and prices")] = "groq"
    provider_deadline_s: Annotated[
        Seconds, Meta(description="total time for one provider call, in seconds")
    ] = 30.0
    provider_max_bytes: Annotated[Count, Meta(description="largest provider response read, in bytes")] = (
        8_388_608
    )
    jina_api_key: Annotated[
        Secret | None, Meta(description="with it, Jina embeds; without it, a local model")
    ] = None
    jina_base_url: Annotated[str, Meta(description="root of Jina's embedding API")] = "https://api.jina.ai"
    jina_model: Annotated[str, Meta(description="Jina's embedding model")] = "jina-embeddings-v3"
    embed_deadline_s: Annotated[
        Seconds, Meta(description="total time for one embedding; past it the semantic step is skipped")
    ] = 2.0
    embed_window_s: Annotated[
        float,
        Meta(ge=0, le=1, description="how long embeddings of concurrent jobs are gathered into a batch"),
    ] = 0.002

    # Metrics
    worker_metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)],
        Meta(description="port of a worker's own /metrics; 0: none (under `up` the ingress shows all)"),
    ] = 0

    @property
    def known_models(self) -> tuple[str, ...]:
        """The default model first, then the others, each once."""
        named = (self.model, *(name.strip() for name in self.models.split(",")))
        return tuple(dict.fromkeys(name for name in named if name))

    @property
    def local_model_dir(self) -> str:
        """Where the local sentence model is."""
        return self.model_dir or f"{self.data_dir}/models"

    @property
    def cache_url(self) -> str:
        """The cache Redis, which may be the queue Redis."""
        return self.cache_redis_url or self.redis_url


def variable(field: str) -> str:
    """The environment variable that sets a field."""
    return FOREIGN_NAMES.get(field, PREFIX + field.upper())


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from the environment.

    Raises BadSetting, which names the variable, at the first value that does not fit.
    """
    source = os.environ if environ is None else environ
    values = {
        field.name: _convert(variable(field.name), source[variable(field.name)], field.type)
        for field in msgspec.structs.fields(Settings)
        if source.get(variable(field.name), "") != ""
    }
    settings = Settings(**values)
    _check_together(settings)
    return settings


def unknown_variables(environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Yield each SENTINEL_ variable that sets nothing, with the nearest name that would."""
    known = [variable(field.name) for field in msgspec.structs.fields(Settings)]
    for name in environ:
        if name.startswith(PREFIX) and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            yield name, close[0] if close else None


def _convert(name: str, text: str, kind: Any) -> Any:
    try:
        return msgspec.convert(text.strip(), kind, strict=False, dec_hook=_secret)
    except msgspec.ValidationError as error:
        # The value itself stays out of the message: it may be a secret pasted into the wrong variable.
        raise BadSetting(name, str(error)) from None


def _secret(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(value)
    raise NotImplementedError(kind)  # pragma: no cover - a new type without a rule is a programming error


def _check_together(settings: Settings) -> None:
    if settings.reserved_slots >= settings.slots:
        raise BadSetting("SENTINEL_RESERVED_SLOTS", f"leaves batch jobs none of {settings.slots} slots")
    if settings.wait_default_s > settings.wait_max_s:
        raise BadSetting("SENTINEL_WAIT_DEFAULT_S", f"is above SENTINEL_WAIT_MAX_S ({settings.wait_max_s:g})")
    if settings.provider_deadline_s > settings.job_deadline_s:
        raise BadSetting(
            "SENTINEL_PROVIDER_DEADLINE_S", f"is above SENTINEL_JOB_DEADLINE_S ({settings.job_deadline_s:g})"
        )
    if settings.env == "production" and settings.fingerprint_secret is None:
        raise BadSetting("SENTINEL_FINGERPRINT_SECRET", "must be set when SENTINEL_ENV=production")
