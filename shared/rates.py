"""What happens in each minute, counted by every process and written once a second: rates and percentiles.

Counts are for looking at, not for accounting: a process that is killed loses its last second of them.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.redis.connect import translated

EVERY_S: Final = 1.0
MINUTE_S: Final = 60
KEPT_S: Final = 25 * 3600
STEPS: Final = 4
"""Classes to each doubling of a duration: a percentile read from them errs by a tenth."""


class Rates:
    """The counts of one process; `run` must run, and `write` once more at the end."""

    def __init__(self, home: Redis) -> None:
        self._home = home
        self._counts: Counter[str] = Counter()

    def count(self, name: str) -> None:
        """Count something that has happened just now."""
        self._counts[name] += 1

    def took(self, name: str, ms: float) -> None:
        """Count something that took so long."""
        self._counts[f"{name}:{duration_class(ms)}"] += 1

    async def run(self) -> None:
        """Write every second, for ever; while Redis is away, what gathers waits."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.write()

    async def write(self) -> None:
        """Write what has gathered, into the minute that it is in Redis."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            seconds, _ = await self._home.time()
            minute = keys.minute(seconds // MINUTE_S)
            async with self._home.pipeline(transaction=True) as pipe:
                for name, amount in counts.items():
                    pipe.hincrby(minute, name, amount)
                pipe.expire(minute, KEPT_S)
                await pipe.execute()
        except (RedisError, OSError):
            self._counts.update(counts)


class Minutes:
    """The counts of a fleet, read."""

    def __init__(self, home: Redis, *, deadline_s: float | None = None) -> None:
        self._home = home
        self._deadline_s = deadline_s

    async def latest(self, minutes: int) -> tuple[int, list[Mapping[str, int]]]:
        """Read the latest minutes, oldest first, the one under way last; returns its number, too.

        Raises RedisUnavailable. Two round trips, however many minutes there are.
        """
        async with translated(), asyncio.timeout(self._deadline_s):
            seconds, _ = await self._home.time()
            current = int(seconds) // MINUTE_S
            async with self._home.pipeline(transaction=False) as pipe:
                for number in range(current - minutes + 1, current + 1):
                    pipe.hgetall(keys.minute(number))
                found = await pipe.execute()
        return current, [{name.decode(): int(n) for name, n in counts.items()} for counts in found]


def duration_class(ms: float) -> int:
    """The class of a duration."""
    return math.floor(STEPS * math.log2(max(ms, 0.0) + 1))


def percentiles(
    counts: Sequence[Mapping[str, int]], name: str, shares: Sequence[float]
) -> list[float | None]:
    """The durations in ms below which given shares of what was counted lie; None when nothing was."""
    classes: Counter[int] = Counter()
    prefix = f"{name}:"
    for minute in counts:
        for counted, amount in minute.items():
            if counted.startswith(prefix):
                classes[int(counted[len(prefix) :])] += amount
    return [_percentile(classes, share) for share in shares]


def _percentile(classes: Mapping[int, int], share: float) -> float | None:
    total = sum(classes.values())
    wanted, seen = share * total, 0.0
    for number in sorted(classes):
        amount = classes[number]
        if seen + amount >= wanted and amount:
            within = (wanted - seen) / amount
            return float(2.0 ** ((number + within) / STEPS) - 1)
        seen += amount
    return None


def total(counts: Sequence[Mapping[str, int]], *names: str) -> int:
    """How often any of these was counted."""
    return sum(minute.get(name, 0) for minute in counts for name in names)
