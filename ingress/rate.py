"""A key's bucket after a request, and how it is told; pure.

Headers follow draft-ietf-httpapi-ratelimit-headers-10 (structured fields) and, for older clients, the
`X-RateLimit-*` convention, whose reset is a Unix time.
"""

import math

from msgspec import Struct

from shared.errors import RateLimited


class Rate(Struct, frozen=True):
    """What the bucket script said; `wait_ms` is how long until the refused cost fits."""

    allowed: bool
    tokens: float
    wait_ms: int
    now_ms: int
    capacity: float
    refill_per_s: float


def headers(rate: Rate) -> dict[str, str]:
    """Tell the policy, what is left, and when there will be more."""
    window_s = round(rate.capacity / rate.refill_per_s)
    missing = rate.capacity - rate.tokens
    next_token_s = (math.floor(rate.tokens) + 1 - rate.tokens) / rate.refill_per_s if missing > 0 else 0
    # Retry-After must not be earlier than t, so a refusal's wait is told by both.
    t = math.ceil(max(next_token_s, rate.wait_ms / 1000))
    full_at = math.ceil(rate.now_ms / 1000 + missing / rate.refill_per_s)
    return {
        "RateLimit-Policy": f'"default";q={math.floor(rate.capacity)};w={window_s}',
        "RateLimit": f'"default";r={math.floor(rate.tokens)};t={t}',
        "X-RateLimit-Limit": str(math.floor(rate.capacity)),
        "X-RateLimit-Remaining": str(math.floor(rate.tokens)),
        "X-RateLimit-Reset": str(full_at),
    }


def refusal(rate: Rate) -> RateLimited:
    """The error of a request that found too few tokens."""
    wait_s = max(1, math.ceil(rate.wait_ms / 1000))
    window_s = round(rate.capacity / rate.refill_per_s)
    return RateLimited(
        f"This key may make {rate.capacity:g} requests per {window_s} s; the next one fits in {wait_s} s.",
        retry_after_s=wait_s,
        extra={"violated-policies": ["default"]},
    )
