"""A key's bucket after a request, and how it is told; pure.

Headers follow draft-ietf-httpapi-ratelimit-headers-10 (structured fields) and, for older clients, the
`X-RateLimit-*` convention, whose reset is a Unix time.
"""

import functools
import math

from msgspec import Struct

from shared.clients import DEFAULT_TIER
from shared.errors import RateLimited


class Rate(Struct, frozen=True):
    """What the bucket script said; `wait_ms` is how long until the refused cost fits."""

    allowed: bool
    tokens: float
    wait_ms: int
    now_ms: int
    capacity: float
    refill_per_s: float
    policy: str = DEFAULT_TIER


def headers(rate: Rate) -> dict[str, str]:
    """Tell the policy, what is left, and when there will be more."""
    window_s, limit = round(rate.capacity / rate.refill_per_s), math.floor(rate.capacity)
    left, t, full_at = _numbers(rate)
    return {
        "RateLimit-Policy": f'"{rate.policy}";q={limit};w={window_s}',
        "RateLimit": f'"{rate.policy}";r={left};t={t}',
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(full_at),
    }


def lines(rate: Rate) -> bytes:
    """The same as header lines of HTTP/1.1, with names in lower case."""
    policy, limit = _standing(rate.policy, rate.capacity, rate.refill_per_s)
    left, t, full_at = _numbers(rate)
    return b"%br=%d;t=%d\r\n%bx-ratelimit-remaining: %d\r\nx-ratelimit-reset: %d\r\n" % (
        *(policy, left, t, limit, left, full_at),
    )


@functools.cache
def _standing(policy: str, capacity: float, refill_per_s: float) -> tuple[bytes, bytes]:
    """The parts that only another tier changes."""
    window_s, limit = round(capacity / refill_per_s), math.floor(capacity)
    told = f'ratelimit-policy: "{policy}";q={limit};w={window_s}\r\nratelimit: "{policy}";'
    return told.encode(), f"x-ratelimit-limit: {limit}\r\n".encode()


def _numbers(rate: Rate) -> tuple[int, int, int]:
    """What is left, the seconds until there is more, and the Unix time at which the bucket is full."""
    left = math.floor(rate.tokens)
    missing = rate.capacity - rate.tokens
    next_token_s = (left + 1 - rate.tokens) / rate.refill_per_s if missing > 0 else 0
    # Retry-After must not be earlier than t, so a refusal's wait is told by both.
    t = math.ceil(max(next_token_s, rate.wait_ms / 1000))
    return left, t, math.ceil(rate.now_ms / 1000 + missing / rate.refill_per_s)


def refusal(rate: Rate) -> RateLimited:
    """The error of a request that found too few tokens."""
    wait_s = max(1, math.ceil(rate.wait_ms / 1000))
    window_s = round(rate.capacity / rate.refill_per_s)
    return RateLimited(
        f"This key may make {rate.capacity:g} requests per {window_s} s; the next one fits in {wait_s} s.",
        retry_after_s=wait_s,
        extra={"violated-policies": [rate.policy]},
    )
