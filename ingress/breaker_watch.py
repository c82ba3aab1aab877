"""What this ingress knows of the providers' breakers, so that it need not ask Redis for every question."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from shared import metrics
from shared.breakers import STATE_VALUES, Breakers, Seen
from shared.errors import RedisUnavailable

LOOK_EVERY_S = 0.5
STALE_S = 3 * LOOK_EVERY_S
"""What was seen longer ago is no knowledge any more: the worker asks the breaker itself."""


class BreakerWatch:
    """Looks at all breakers twice a second; `run` must run."""

    def __init__(
        self, breakers: Breakers, providers: Sequence[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._breakers = breakers
        self._providers = tuple(providers)
        self._clock = clock
        self._seen: dict[str, Seen] = {}
        self._seen_at = -STALE_S

    @property
    def seen(self) -> list[Seen]:
        """The breakers as they were last seen, in the providers' order."""
        return list(self._seen.values())

    def wait_s(self, providers: Sequence[str]) -> float | None:
        """How long until one of these may be called, when all of them rest; None when a call may be made now.

        None as well when that is not known: a question more in the queue costs less than one refused for
        nothing.
        """
        passed_s = self._clock() - self._seen_at
        if not providers or passed_s > STALE_S:
            return None
        waits = [self._seen[name].wait_ms / 1000 - passed_s for name in providers if name in self._seen]
        if len(waits) < len(providers) or min(waits) <= 0:
            return None
        return min(waits)

    async def run(self) -> None:
        """Look for ever."""
        while True:
            with contextlib.suppress(RedisUnavailable):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; raises RedisUnavailable."""
        looked_at = self._clock()
        self._seen = {seen.provider: seen for seen in await self._breakers.read(self._providers)}
        self._seen_at = looked_at
        for seen in self._seen.values():
            metrics.breaker_state.labels(seen.provider).set(STATE_VALUES[seen.phase])
