"""What the doctor concludes from what it found; nothing here looks at the machine."""

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from shared.cli.local_keys import ADMIN, FINGERPRINT, USER
from shared.cli.ports import Holder
from shared.cli.redis_facts import Unreachable
from shared.cli.redis_server import HOW_TO_INSTALL
from shared.masking import masked_url
from shared.redis import roles
from shared.redis.facts import RedisFacts
from shared.redis.roles import Finding
from shared.settings import Settings

Status = Literal["OK", "WARN", "FAIL"]
CLOCKS_MAY_DIFFER_S: Final = 2.0
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
    for finding in roles.judge_queue(queue):
        check = _concluded(f"queue {finding.topic}", finding)
        # Lost jobs are worse than a warning: production does not even start.
        fatal = finding.topic == "eviction" and roles.evicts(queue)
        yield msgspec.structs.replace(check, status="FAIL") if fatal else check


def clock(queue: RedisFacts, now_s: float) -> Iterator[Check]:
    """Ours counts for logs, metrics and certificates only; a server that tells no time is passed over."""
    if queue.time_s is None:
        return
    ahead_s = now_s - queue.time_s
    if abs(ahead_s) <= CLOCKS_MAY_DIFFER_S:
        yield Check("clock", "OK", "this machine and Redis agree")
        return
    found = f"this machine is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} Redis"
    yield Check("clock", "WARN", found, "run NTP on both: limits and leases go by Redis, logs by this one")


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
    shared = isinstance(queue, RedisFacts) and queue.is_same_server(cache)
    finding = roles.judge_cache(cache, shared=shared, production=settings.env == "production")
    return _concluded(name, finding)


def _concluded(name: str, finding: Finding) -> Check:
    return Check(name, "OK" if finding.status == "ok" else "WARN", finding.text, finding.advice)


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
    """Every way works; which one it is decides what a semantic hit costs."""
    if settings.embedder_used == "local":
        reason = "JINA_API_KEY is not set" if settings.embedder == "auto" else "SENTINEL_EMBEDDER=local"
        return Check("embeddings", "OK", f"the local model ({reason})")
    if settings.embedder_used == "openai":
        where = masked_url(settings.embedder_base_url)
        return Check("embeddings", "OK", f"{settings.embedder_model} at {where}")
    return Check("embeddings", "OK", f"{settings.jina_model} at {settings.jina_base_url}, key set")
