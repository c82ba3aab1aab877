"""Buckets in this process, for the time that the queue Redis is away: each admits its part of a rate."""

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec import Struct

from ingress.rate import Rate
from shared import metrics
from shared.errors import RedisUnavailable
from shared.tiers import Tier

logger = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 1.0
"""While Redis is away one request in so many seconds waits for it, and all others go on at once."""
BUCKETS_MAX: Final = 10_000


class Bucket(Struct, frozen=True):
    """Tokens at a time, in seconds of some clock."""

    tokens: float
    at: float


def take(bucket: Bucket | None, tier: Tier, cost: float, *, now: float, parts: int) -> tuple[bool, Bucket]:
    """Take tokens from one of so many equal parts of a tier's bucket."""
    capacity, refill = max(1.0, tier.burst / parts), tier.rate_per_s / parts
    # Nobody knows what the shared bucket held when it went away: it may just have been emptied.
    found = bucket or Bucket(0.0, now)
    tokens = min(capacity, found.tokens + max(0.0, now - found.at) * refill)
    if tokens < cost:
        return False, Bucket(tokens, now)
    return True, Bucket(tokens - cost, now)


class LocalRate:
    """Asks the shared buckets while they are there, and its own while they are away."""

    def __init__(
        self,
        parts: Callable[[], int],
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._wall_clock = wall_clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()
        self._look_again_at = 0.0
        self.away = False

    async def admit(self, key_id: str, tier: Tier, cost: float, ask: Callable[[], Awaitable[Rate]]) -> Rate:
        """Return what the shared bucket says, or else this one's part of it."""
        if self.away and self._clock() < self._look_again_at:
            return self._own(key_id, tier, cost)
        try:
            if self.away:
                self._look_again_at = self._clock() + LOOK_AGAIN_S
            rate = await ask()
        except RedisUnavailable:
            self._went_away()
            return self._own(key_id, tier, cost)
        if self.away:
            self.away = False
            self._buckets.clear()
            metrics.admission_local.set(0)
            logger.warning("queue redis is back: the shared buckets decide")
        return rate

    def _went_away(self) -> None:
        self._look_again_at = self._clock() + LOOK_AGAIN_S
        if not self.away:
            self.away = True
            metrics.admission_local.set(1)
            logger.warning("queue redis is away, local buckets decide", extra={"parts": self._parts()})

    def _own(self, key_id: str, tier: Tier, cost: float) -> Rate:
        parts = self._parts()
        allowed, bucket = take(self._buckets.get(key_id), tier, cost, now=self._clock(), parts=parts)
        self._buckets[key_id] = bucket
        self._buckets.move_to_end(key_id)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        metrics.admitted_locally.labels("admitted" if allowed else "refused").inc()
        refill = tier.rate_per_s / parts
        return Rate(
            allowed=allowed,
            tokens=bucket.tokens,
            wait_ms=0 if allowed else int((cost - bucket.tokens) / refill * 1000) + 1,
            now_ms=int(self._wall_clock() * 1000),
            capacity=tier.burst / parts,
            refill_per_s=refill,
            policy=tier.name,
        )
