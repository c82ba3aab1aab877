"""Who may ask, and how often."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.secret import Secret
from shared.settings.kinds import Count, Seconds


@dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Who may ask, and how often."""

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
    key_pepper: Annotated[
        Secret | None,
        Meta(
            description="HMAC key of stored API keys, the same on every process; default: made from "
            "fingerprint_secret; another one makes all stored keys unknown"
        ),
    ] = None
    key_recheck_s: Annotated[
        float,
        Meta(
            gt=0,
            le=5,
            description="how long an ingress remembers a stored key, in seconds: a revoked one works so long",
        ),
    ] = 3.0
    session_s: Annotated[
        Seconds, Meta(description="how long somebody stays signed in to the dashboard, in seconds (8 hours)")
    ] = 28_800.0
    audit_kept: Annotated[
        Count, Meta(description="actions of operators that the audit log keeps; the oldest go first")
    ] = 10_000
    rate_capacity: Annotated[
        float, Meta(ge=1, le=1e9, description="tokens a key's bucket holds: the largest burst, in requests")
    ] = 100.0
    rate_refill_per_s: Annotated[
        float, Meta(gt=0, le=1e9, description="tokens a key's bucket regains per second (100 per 60 s)")
    ] = 1.667
    rate_hit_cost: Annotated[
        float,
        Meta(ge=0, le=1, description="tokens that an exact hit takes; what else is asked takes 1"),
    ] = 1.0
    hit_lease_s: Annotated[
        float,
        Meta(
            ge=0,
            le=5,
            description="how long a busy key's tokens may be taken ahead and a hit be served from memory, in "
            "seconds, the same on every ingress: a purge is in force that much later, and a bucket holds as "
            "much less as refills in it; 0: Redis is asked for every hit",
        ),
    ] = 0.0
    rate_without_redis: Annotated[
        Literal["closed", "local"],
        Meta(
            description="while the queue Redis is away: refuse everything, or let each ingress admit its "
            "part of a key's rate by itself, for what a cache Redis of its own can still answer"
        ),
    ] = "closed"
    tiers_file: Annotated[
        str | None,
        Meta(description="TOML file of tiers, by which keys get other limits than these (OPERATIONS.md)"),
    ] = None
    key_jobs_max: Annotated[
        Count | None, Meta(description="unsettled jobs of one key; above it new questions get 429")
    ] = None
    key_queued_jobs_max: Annotated[
        Count | None, Meta(description="jobs of one key that may wait for a worker; likewise")
    ] = None
    key_tokens_per_minute: Annotated[
        Count | None,
        Meta(
            description="tokens, asked and answered, that a key may buy a minute; set aside by estimate, "
            "then booked as the provider counts them"
        ),
    ] = None
