"""What the two Redis roles want of their servers, and how far these give it.

The queue holds accepted jobs: it may evict nothing, and a restart must find them. The cache may lose
anything, and should lose its least used entries before it refuses new ones.
"""

import asyncio
import logging
from typing import Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.errors import BadSetting
from shared.masking import masked_url
from shared.redis.facts import RedisFacts, read
from shared.settings import Settings
from shared.settings.listed import variable

logger = logging.getLogger(__name__)

Role = Literal["queue", "cache"]


class Finding(Struct, frozen=True):
    """One conclusion about one role; `advice` says what to do, and is empty when there is nothing."""

    role: Role
    topic: Literal["eviction", "durability"]
    status: Literal["ok", "warn"]
    text: str
    advice: str = ""


class RoleReport(Struct, frozen=True):
    """A role as it is shown: its server's address without a secret, its settings, what follows from them."""

    url: str
    policy: str
    appendonly: str
    findings: tuple[Finding, ...]


class RedisRoles(Struct, frozen=True):
    """Both roles; `shared` when one server has both."""

    queue: RoleReport
    cache: RoleReport
    shared: bool


def evicts(queue: RedisFacts) -> bool:
    """Whether a server is known to delete accepted jobs when its memory is short."""
    return queue.maxmemory_policy not in {None, "noeviction"}


def judge_queue(facts: RedisFacts) -> tuple[Finding, ...]:
    """Eviction and durability, or that the server tells neither."""
    policy = facts.maxmemory_policy
    if policy is None:
        unknown = "the server does not tell its maxmemory-policy"
        return (Finding("queue", "eviction", "warn", unknown, "make sure of noeviction and appendonly yes"),)
    eviction = Finding("queue", "eviction", "ok", "maxmemory-policy noeviction")
    if evicts(facts):
        eviction = Finding(
            "queue",
            "eviction",
            "warn",
            f"maxmemory-policy {policy} deletes accepted jobs when memory is short",
            "`redis-cli CONFIG SET maxmemory-policy noeviction`, and the same in its redis.conf",
        )
    durability = Finding("queue", "durability", "ok", "appendonly yes")
    if facts.appendonly != "yes":
        durability = Finding(
            "queue",
            "durability",
            "warn",
            "appendonly is off: a killed Redis forgets accepted jobs",
            "`redis-cli CONFIG SET appendonly yes`, and the same in its redis.conf",
        )
    return eviction, durability


def judge_cache(facts: RedisFacts, *, shared: bool, production: bool) -> Finding:
    """A cache should evict and a queue must not: one server for both is for development."""
    if shared:
        text = "the same server as the queue: full memory stops new jobs"
        if not production:
            return Finding("cache", "eviction", "ok", f"{text} (fine on one machine)")
        advice = "set SENTINEL_CACHE_REDIS_URL to a second one with allkeys-lfu"
        return Finding("cache", "eviction", "warn", text, advice)
    policy = facts.maxmemory_policy
    if policy is None or policy.startswith("allkeys-"):
        return Finding("cache", "eviction", "ok", f"its own server, maxmemory-policy {policy or 'not told'}")
    return Finding(
        "cache",
        "eviction",
        "warn",
        f"maxmemory-policy {policy}: a full cache takes no new answers",
        "`redis-cli CONFIG SET maxmemory-policy allkeys-lfu` on the cache's server",
    )


def judge(settings: Settings, queue: RedisFacts, cache: RedisFacts) -> RedisRoles:
    """Judge both roles by what their servers tell."""
    shared = settings.cache_url == settings.redis_url or queue.is_same_server(cache)
    of_cache = judge_cache(cache, shared=shared, production=settings.env == "production")
    return RedisRoles(
        queue=_report(settings.redis_url, queue, judge_queue(queue)),
        cache=_report(settings.cache_url, cache, (of_cache,)),
        shared=shared,
    )


async def examine(queue: Redis, cache: Redis, settings: Settings) -> RedisRoles:
    """Ask both servers once, at start, and log a warning for each want that is not met.

    Raises BadSetting in production when the queue's server evicts: accepted jobs would vanish unseen.
    """
    of_queue, of_cache = await asyncio.gather(read(queue), read(cache))
    roles = judge(settings, of_queue, of_cache)
    _warn((*roles.queue.findings, *roles.cache.findings))
    _refuse_eviction(of_queue, roles.queue.findings, settings, "redis_url")
    return roles


async def examine_shard(queue: Redis, settings: Settings) -> None:
    """Do the same for a further queue."""
    facts = await read(queue)
    findings = judge_queue(facts)
    _warn(findings)
    _refuse_eviction(facts, findings, settings, "queue_shards")


def _warn(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        if finding.status == "warn":
            extra = {"role": finding.role, "found": finding.text, "advice": finding.advice}
            logger.warning("redis does not fit its role", extra=extra)


def _refuse_eviction(
    facts: RedisFacts, findings: tuple[Finding, ...], settings: Settings, field: str
) -> None:
    if settings.env == "production" and evicts(facts):
        [eviction, *_] = findings
        raise BadSetting(variable(field), f"{eviction.text}; {eviction.advice}")


def _report(url: str, facts: RedisFacts, findings: tuple[Finding, ...]) -> RoleReport:
    policy, appendonly = facts.maxmemory_policy or "unknown", facts.appendonly or "unknown"
    return RoleReport(masked_url(url), policy, appendonly, findings)
