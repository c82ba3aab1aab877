"""Tokens taken ahead: a busy key's hits are admitted here, and Redis is asked once for many of them.

A leased token is spent within `lease_s` of being taken, or lost. So whatever is admitted in a span of t
seconds was taken in one of t + lease_s, and a bucket of capacity - rate * lease_s grants no more than
capacity + rate * t in that: what was promised of the bucket holds to the token. All who take from it have to
use that lessened capacity (Admission.burst).
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from ingress.rate import Rate
from shared.clients import Client
from shared.tiers import Tier

BUSY: Final = 8
"""Hits within a lease's time from which on a key's tokens are taken ahead: below, they are mostly lost."""
SHARE: Final = 16
"""At most so great a part of a bucket is taken at once: as much is lost when a busy key falls silent."""
KEYS_MAX: Final = 10_000


class Granted(Struct, frozen=True):
    """What lease_tokens.lua said: requests, what the bucket has left, and Redis' time."""

    requests: int
    tokens: float
    now_ms: int


class _Key(Struct):
    """One key: its lease, and how many hits there were in this span of a lease's time and in the last."""

    left: int = 0
    tokens: float = 0.0
    now_ms: int = 0
    taken_at: float = 0.0
    span_at: float = 0.0
    hits: int = 0
    hits_before: int = 0
    asking: bool = False


class Leases:
    """The leases of one ingress; times are seconds of some clock that does not step."""

    def __init__(self, lease_s: float, clock: Callable[[], float]) -> None:
        self._lease_s = lease_s
        self._clock = clock
        self._keys: OrderedDict[str, _Key] = OrderedDict()

    def spend(self, client: Client, tier: Tier, burst: float) -> Rate | None:
        """Admit a hit with a leased token; None when there is none."""
        key = self._keys.get(client.key_id)
        if key is None or key.left == 0:
            return None
        elapsed_s = self._clock() - key.taken_at
        if elapsed_s >= self._lease_s:
            key.left = 0
            return None
        key.left -= 1
        key.hits += 1
        return Rate(
            allowed=True,
            # Of what other ingresses hold nobody here knows.
            tokens=key.tokens + key.left * tier.hit_cost,
            wait_ms=0,
            now_ms=key.now_ms + int(elapsed_s * 1000),
            capacity=burst,
            refill_per_s=tier.rate_per_s,
            policy=tier.name,
        )

    def wanted(self, client: Client, tier: Tier, burst: float) -> int:
        """How many requests' tokens to take ahead after a hit that had no lease; 0 is none.

        `granted` must follow when it is more.
        """
        key = self._of(client)
        self._count(key)
        busy = max(key.hits, key.hits_before)
        # With less there would be no room for what is spent late.
        possible = tier.hit_cost > 0 and burst < tier.burst
        if key.asking or key.left or busy < BUSY or not possible:
            return 0
        wanted = min(busy // 2, int(burst / SHARE / tier.hit_cost))
        key.asking = wanted > 0
        return wanted

    def granted(self, client: Client, granted: Granted | None, asked_at: float) -> None:
        """Take what was granted for a call that was sent at `asked_at`; None when it failed."""
        key = self._of(client)
        key.asking = False
        if granted is not None:
            key.left, key.tokens, key.now_ms = granted.requests, granted.tokens, granted.now_ms
            # From before it was taken, so that it ends in time however long the reply took.
            key.taken_at = asked_at

    def _count(self, key: _Key) -> None:
        now = self._clock()
        spans = (now - key.span_at) / self._lease_s
        if spans >= 1:
            key.hits_before = key.hits if spans < 2 else 0  # noqa: PLR2004 - the span just before this one
            key.hits, key.span_at = 0, now
        key.hits += 1

    def _of(self, client: Client) -> _Key:
        key = self._keys.get(client.key_id)
        if key is None:
            key = self._keys[client.key_id] = _Key()
            if len(self._keys) > KEYS_MAX:
                self._keys.popitem(last=False)
        return key
