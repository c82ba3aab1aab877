"""Whether a stored answer is good enough for a caller: fresh, stale and welcome, or only better than nothing.

The terms are those of RFC 9111 (HTTP caching) and RFC 5861 (stale content). Pure: the time is an argument.
"""

from typing import Literal

from msgspec import Struct

from shared.settings.caching import CachingSettings
from shared.wire.completion import CachePolicy
from shared.wire.entry import Entry

Stage = Literal["fresh", "revalidate", "accepted", "if_error", "unusable"]
"""How an entry may be used.

fresh       it answers, and nothing else happens
revalidate  it answers, and a newer one is bought behind the caller's back (stale-while-revalidate)
accepted    it answers, because the caller takes stale answers (max-stale)
if_error    it answers when nothing newer is to be had (stale-if-error)
unusable    never
"""


class Tolerance(Struct, frozen=True):
    """How long after its freshness one caller takes an answer, in seconds: by stage."""

    revalidate_s: float
    accepted_s: float
    if_error_s: float


class Freshness(Struct, frozen=True):
    """An entry's age and what is left of its freshness, in whole seconds; below 0 it is stale."""

    age_s: int
    ttl_s: int


def fresh_until_ms(entry: Entry) -> int:
    """When an entry's freshness ends, in Redis ms."""
    return entry.expires_at_ms if entry.fresh_until_ms is None else entry.fresh_until_ms


def freshness(entry: Entry, now_ms: int) -> Freshness:
    """Measure an entry against Redis time; a clock that stepped back never makes it younger than new."""
    return Freshness(
        age_s=max(0, now_ms - entry.created_at_ms) // 1000,
        # Rounded down, so that no stale answer claims to have something left.
        ttl_s=(fresh_until_ms(entry) - now_ms) // 1000,
    )


def tolerance(policy: CachePolicy, settings: CachingSettings) -> Tolerance:
    """What staleness a caller takes: what it says, else the settings, and never more than the settings allow.

    Who asks for something newer (no-cache, max-age, min-fresh) takes nothing stale unless it says so, and who
    bounds staleness (max-stale) is held to that bound. A stated stale-if-error counts whatever else is said.
    """
    ceiling = settings.stale_if_error_s
    demanding = not policy.read or policy.max_age_s is not None or policy.min_fresh_s is not None
    unstated = ceiling if policy.max_stale_s is None else policy.max_stale_s
    if demanding and policy.max_stale_s is None:
        unstated = 0.0
    revalidate, if_error = policy.stale_while_revalidate_s, policy.stale_if_error_s
    return Tolerance(
        min(ceiling, min(settings.stale_while_revalidate_s, unstated) if revalidate is None else revalidate),
        min(ceiling, policy.max_stale_s or 0.0),
        min(ceiling, unstated if if_error is None else if_error),
    )


def is_fresh(entry: Entry, policy: CachePolicy, now_ms: int) -> bool:
    """Whether an entry is a hit for a caller: within its freshness, and as new as asked."""
    left_ms = fresh_until_ms(entry) - now_ms
    return (
        policy.read
        and _new_enough(entry, policy, now_ms)
        and left_ms > max(0, (policy.min_fresh_s or 0) * 1000 - 1)
    )


def _new_enough(entry: Entry, policy: CachePolicy, now_ms: int) -> bool:
    return policy.max_age_s is None or now_ms - entry.created_at_ms <= policy.max_age_s * 1000


def stage_of(
    entry: Entry | None, tenant: str, policy: CachePolicy, settings: CachingSettings, now_ms: int
) -> Stage:
    """Decide how an entry may be used for a caller; another tenant's never is."""
    if entry is None or entry.tenant != tenant or entry.expires_at_ms <= now_ms:
        return "unusable"
    if is_fresh(entry, policy, now_ms):
        return "fresh"
    taken = tolerance(policy, settings)
    stale_ms = now_ms - fresh_until_ms(entry)
    if stale_ms >= 0 and policy.read and _new_enough(entry, policy, now_ms):
        if stale_ms < taken.revalidate_s * 1000:
            return "revalidate"
        if stale_ms < taken.accepted_s * 1000:
            return "accepted"
    return "if_error" if stale_ms < taken.if_error_s * 1000 and taken.if_error_s > 0 else "unusable"
