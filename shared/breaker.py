"""When calls to a provider are worth making: closed, open and half open; pure.

shared/redis/lua/parts/breaker.lua is this in Lua, and one table of cases runs over both. After Nygard,
"Release It!" (2007), with what races add: every change of state has a number, a permit carries the number
under which it was given, and what is reported under an earlier number changes nothing.
"""

from typing import Literal

import msgspec
from msgspec import Struct

Phase = Literal["closed", "open", "half_open"]
Verdict = Literal["success", "failure", "ignored"]
"""How a call ended. Cancellations, refusals of the request itself and waits for a rate limit are ignored."""


class Policy(Struct, frozen=True, kw_only=True):
    """When a breaker opens, and for how long; times in ms."""

    failures: int = 5
    window: int = 20
    ratio: float = 0.5
    cooldown_ms: int = 60_000
    cooldown_max_ms: int = 600_000
    permit_ms: int = 5_000

    @property
    def longest_ms(self) -> int:
        """The most that any state lasts: one that claims more is not believed, and counts as closed."""
        return max(self.cooldown_max_ms, self.permit_ms)


class Breaker(Struct, frozen=True, kw_only=True):
    """One provider's breaker.

    `epoch` numbers the states, probes included; `window` holds the last outcomes, oldest first, "1" for a
    failure. `until_ms` is the end of the cooldown while open, and of the probe's permit while half open.
    """

    phase: Phase = "closed"
    epoch: int = 0
    window: str = ""
    trips: int = 0
    until_ms: int = 0


CLOSED = Breaker()
"""What a missing or unreadable state counts as."""


class Asked(Struct, frozen=True):
    """What asking for a permit gave: `wait_ms` above 0 is a refusal."""

    breaker: Breaker
    wait_ms: int = 0


def ask(breaker: Breaker, now_ms: int, policy: Policy) -> Asked:
    """Ask for a permit: any number while closed, one at a time after a cooldown, none before its end.

    A probe that has not reported when its permit ends is taken for dead, and the next caller probes.
    """
    breaker = believed(breaker, now_ms, policy)
    if breaker.phase == "closed":
        return Asked(breaker)
    if now_ms < breaker.until_ms:
        return Asked(breaker, breaker.until_ms - now_ms)
    return Asked(_entered(breaker, "half_open", now_ms, until_ms=now_ms + policy.permit_ms))


def report(breaker: Breaker, epoch: int, verdict: Verdict, now_ms: int, policy: Policy) -> Breaker:
    """Take in how a call ended that was permitted under `epoch`."""
    breaker = believed(breaker, now_ms, policy)
    if epoch != breaker.epoch or breaker.phase == "open":
        return breaker
    if breaker.phase == "half_open":
        return _probed(breaker, verdict, now_ms, policy)
    if verdict == "ignored":
        return breaker
    window = (breaker.window + ("1" if verdict == "failure" else "0"))[-policy.window :]
    counted = msgspec.structs.replace(breaker, window=window)
    return _opened(counted, now_ms, policy) if trips(window, policy) else counted


def renew(breaker: Breaker, epoch: int, now_ms: int, policy: Policy) -> Breaker:
    """Keep a probe's permit, whose call takes its time; anybody else's changes nothing."""
    breaker = believed(breaker, now_ms, policy)
    if breaker.phase != "half_open" or epoch != breaker.epoch:
        return breaker
    return msgspec.structs.replace(breaker, until_ms=now_ms + policy.permit_ms)


def reset(breaker: Breaker, now_ms: int) -> Breaker:
    """Close it, whatever it was; calls under way count for nothing."""
    return _entered(Breaker(epoch=breaker.epoch), "closed", now_ms, until_ms=0)


def believed(breaker: Breaker, now_ms: int, policy: Policy) -> Breaker:
    """The breaker, or a closed one for a state that ends later than any may, as after a jump of the clock."""
    return CLOSED if breaker.until_ms - now_ms > policy.longest_ms else breaker


def trips(window: str, policy: Policy) -> bool:
    """Whether these outcomes open a breaker: the last few all failed, or too large a share of a full window.

    The first notices an outage at once; the second one that lets some calls through.
    """
    failed = window.count("1")
    return window.endswith("1" * policy.failures) or (
        len(window) == policy.window and failed >= policy.failures and failed >= policy.ratio * len(window)
    )


def cooldown_ms(trip: int, policy: Policy) -> int:
    """How long the n-th trip in a row lasts: doubled by each probe that failed, up to a cap."""
    return int(min(policy.cooldown_max_ms, policy.cooldown_ms * 2 ** min(trip - 1, 20)))


def _probed(breaker: Breaker, verdict: Verdict, now_ms: int, policy: Policy) -> Breaker:
    if verdict == "success":
        return _entered(Breaker(epoch=breaker.epoch), "closed", now_ms, until_ms=0)
    if verdict == "failure":
        return _opened(breaker, now_ms, policy)
    # It told nothing: the next caller may probe at once.
    return _entered(breaker, "open", now_ms, until_ms=now_ms)


def _opened(breaker: Breaker, now_ms: int, policy: Policy) -> Breaker:
    trip = breaker.trips + 1
    entered = _entered(breaker, "open", now_ms, until_ms=now_ms + cooldown_ms(trip, policy))
    return msgspec.structs.replace(entered, trips=trip)


def _entered(breaker: Breaker, phase: Phase, now_ms: int, *, until_ms: int) -> Breaker:
    # At least the time, so that numbers keep growing when the state is lost.
    epoch = max(breaker.epoch + 1, now_ms)
    return msgspec.structs.replace(breaker, phase=phase, epoch=epoch, until_ms=until_ms)
