"""What the doctor concludes from what it found; nothing here looks at the machine."""

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from shared.cli.local_keys import ADMIN, FINGERPRINT, USER
from shared.cli.masking import masked_url
from shared.cli.ports import Holder
from shared.cli.redis_facts import RedisFacts, Unreachable
from shared.cli.redis_server import HOW_TO_INSTALL
from shared.settings import Settings

Status = Literal["OK", "WARN", "FAIL"]
_PYTHONS: Final = ((3, 11), (3, 12))


class Check(Struct, frozen=True):
    """One conclusion: `advice` says what to do, and is empty when there is nothing."""

    name: str
    status: Status
    found: str
    advice: str = ""


def line(check: Check) -> str:
    """The check as the terminal shows it."""
    return f"{check.status:4}  {check.name}: {check.found}" + (
        f"\n      -> {check.advice}" * bool(check.advice)
    )


def python_version(version: tuple[int, ...]) -> Check:
    """Only 3.11 and 3.12 are tested, and the bundled Redis ends there."""
    text = ".".join(map(str, version))
    if version[:2] in _PYTHONS:
        return Check("python", "OK", text)
    return Check("python", "FAIL", text, "use Python 3.11 or 3.12: `make clean`, then `make up` finds it")


def unknown_name(name: str, close: str | None) -> Check:
    """A variable that sets nothing was probably meant to."""
    meant = f"did you mean {close}?" if close else "remove it, or see `sentinel config` for the names"
    return Check("settings", "WARN", f"{name} sets nothing", meant)


def data_dir(directory: Path, writable: bool) -> Check:  # noqa: FBT001 - what was found
    """Keys, logs and Redis data go there."""
    if writable:
        return Check("data directory", "OK", f"{directory} can be written")
    return Check(
        "data directory", "FAIL", f"{directory} cannot be written", "set SENTINEL_DATA_DIR to one that can"
    )


def redis_program(program: Path | None, *, needed: bool) -> Check:
    """Needed only where no Redis is given."""
    if program is not None:
        return Check("redis-server", "OK", str(program))
    return Check("redis-server", "FAIL" if needed else "OK", "not found", HOW_TO_INSTALL if needed else "")


def queue_redis(url: str, queue: RedisFacts | Unreachable) -> Iterator[Check]:
    """Accepted jobs live there: nothing may be evicted, and a restart must find them."""
    if isinstance(queue, Unreachable):
        yield Check(
            "queue Redis",
            "FAIL",
            f"{masked_url(url)}: {queue.reason}",
            "start it, or correct SENTINEL_REDIS_URL",
        )
        return
    yield Check("queue Redis", "OK", f"{masked_url(url)} answers (version {queue.version})")
    policy = queue.maxmemory_policy
    if policy is None:
        yield Check("queue eviction", "WARN", "the server does not tell", "make sure of noeviction and AOF")
        return
    yield (
        Check("queue eviction", "OK", "maxmemory-policy noeviction")
        if policy == "noeviction"
        else Check(
            "queue eviction",
            "FAIL",
            f"maxmemory-policy {policy} deletes accepted jobs when memory is short",
            "`redis-cli CONFIG SET maxmemory-policy noeviction`, and the same in its redis.conf",
        )
    )
    yield (
        Check("queue durability", "OK", "appendonly yes")
        if queue.appendonly == "yes"
        else Check(
            "queue durability",
            "WARN",
            "appendonly is off: a killed Redis forgets accepted jobs",
            "`redis-cli CONFIG SET appendonly yes`, and the same in its redis.conf",
        )
    )


def cache_redis(
    settings: Settings, queue: RedisFacts | Unreachable, cache: RedisFacts | Unreachable
) -> Check:
    """A cache should evict its least used entries; a queue must not: two servers can do both."""
    name = "cache Redis"
    if isinstance(cache, Unreachable):
        return Check(
            name,
            "FAIL",
            f"{masked_url(settings.cache_url)}: {cache.reason}",
            "start it, or correct SENTINEL_CACHE_REDIS_URL",
        )
    if isinstance(queue, RedisFacts) and queue.run_id == cache.run_id:
        found = "the same server as the queue: full memory stops new jobs"
        if settings.env == "development":
            return Check(name, "OK", found + " (fine on one machine)")
        return Check(name, "WARN", found, "set SENTINEL_CACHE_REDIS_URL to a second one with allkeys-lfu")
    if cache.maxmemory_policy in {None, "allkeys-lfu", "allkeys-lru"}:
        return Check(name, "OK", f"its own server, maxmemory-policy {cache.maxmemory_policy or 'not told'}")
    return Check(
        name,
        "WARN",
        f"maxmemory-policy {cache.maxmemory_policy}: a full cache takes no new answers",
        "`redis-cli CONFIG SET maxmemory-policy allkeys-lfu` on the cache's server",
    )


def port(settings: Settings, trouble: OSError | None, holder: Holder | None, up_pid: int | None) -> Check:
    """Taken is fine when it is taken by the product itself."""
    if trouble is None:
        return Check("port", "OK", f"{settings.port} is free")
    if trouble.errno != errno.EADDRINUSE:
        return Check("port", "FAIL", f"{settings.host}:{settings.port}: {trouble.strerror}", "change it")
    if up_pid is not None:
        return Check(
            "port", "OK", f"{settings.port} is served by the running `sentinel up` (process {up_pid})"
        )
    by = f"process {holder.pid} ({holder.command[:100]})" if holder else "another process"
    return Check("port", "FAIL", f"{settings.port} is taken by {by}", "stop it, or set SENTINEL_PORT")


def keys(settings: Settings, kept: Mapping[str, str]) -> Iterator[Check]:
    """Set, or generated by `up`, which production refuses."""
    for variable, value in (
        (USER, settings.user_keys),
        (ADMIN, settings.admin_keys),
        (FINGERPRINT, settings.fingerprint_secret),
    ):
        if value is not None:
            yield Check("keys", "OK", f"{variable} is set")
        elif settings.env == "production":
            yield Check("keys", "FAIL", f"{variable} is not set", "set it: production generates none")
        else:
            state = "is kept in keys.env" if variable in kept else "will be generated"
            yield Check("keys", "OK", f"{variable} is not set: one {state} by `sentinel up`")


def provider(settings: Settings) -> Check:
    """Without a key the simulator answers, which production refuses."""
    if settings.groq_api_key is not None:
        return Check(
            "provider", "OK", f"{settings.provider} at {masked_url(settings.groq_base_url)}, key set"
        )
    if settings.env == "production":
        return Check(
            "provider", "FAIL", "GROQ_API_KEY is not set", "set it: production refuses the simulator"
        )
    return Check(
        "provider", "WARN", "GROQ_API_KEY is not set: the simulator answers", "set it for real answers"
    )


def embeddings(settings: Settings) -> Check:
    """Both ways work; which one it is decides what a semantic hit costs."""
    if settings.jina_api_key is None:
        return Check("embeddings", "OK", "the local model (JINA_API_KEY is not set)")
    return Check("embeddings", "OK", f"{settings.jina_model} at {settings.jina_base_url}, key set")
