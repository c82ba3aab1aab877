"""Keeps the whole fleet within what a provider grants: pauses that it asked for, and limits per minute.

Without Redis calls go out unpaced, but for the pauses that this process has seen itself: the provider still
refuses what is too much, and a job that cannot reach Redis loses its lease anyway.
"""

import logging
import time
from collections.abc import Callable

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import metrics
from shared.errors import ProviderPaced
from shared.providers_file import Limits
from shared.redis import keys
from shared.redis.scripts import script
from shared.settings import Settings

logger = logging.getLogger(__name__)


class Line(Struct, frozen=True):
    """What is paced together: one model of one provider, by the provider's own name of it."""

    provider: str
    model: str
    limits: Limits = Limits()

    @property
    def limited(self) -> bool:
        """Whether there is anything to count."""
        return self.limits.rpm is not None or self.limits.tpm is not None

    @property
    def rates(self) -> tuple[int, int]:
        """Requests and tokens per minute, as the scripts take them: 0 is no limit."""
        return self.limits.rpm or 0, self.limits.tpm or 0

    @property
    def buckets(self) -> tuple[str, str]:
        """Where they are counted."""
        return (
            keys.provider_requests(self.provider, self.model),
            keys.provider_tokens(self.provider, self.model),
        )


class Turn(Struct, frozen=True):
    """Leave to call once, `wait_s` from now; `tokens` are those reserved for it, 0 when nobody counts."""

    line: Line
    wait_s: float = 0.0
    tokens: int = 0


class Pacing:
    """The pauses and limits of every provider, in the fleet's home Redis."""

    def __init__(
        self, redis: Redis, settings: Settings, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._redis = redis
        self._first_ms = int(settings.pause_default_s * 1000)
        self._longest_ms = int(settings.pause_max_s * 1000)
        self._clock = clock
        self._seen: dict[tuple[str, str], float] = {}
        """When the pauses end that this process knows of, on its own clock."""

    async def take_turn(self, line: Line, *, tokens: int, patience_s: float) -> Turn:
        """Reserve a turn within `patience_s`; raises ProviderPaced, which says when there is one.

        `tokens` is what the call may use, its answer included.
        """
        wait_s, reason = await self._reserve(line, 1, tokens, patience_s)
        if wait_s > 0:
            metrics.provider_paced.labels(line.provider, "waited", reason).inc()
        return Turn(line, wait_s, tokens if line.limited else 0)

    async def pause_left(self, line: Line, *, patience_s: float) -> float:
        """Seconds for which nobody may call, though a turn has come; raises ProviderPaced beyond patience."""
        return (await self._reserve(line, 0, 0, patience_s))[0]

    async def give_back(self, turn: Turn) -> None:
        """Hand a turn back that nobody used."""
        await self._correct(turn.line, 1, turn.tokens)

    async def used(self, turn: Turn, tokens: int) -> None:
        """Tell what a call really took, which may be more than it was reserved."""
        if turn.line.limits.tpm is not None:
            await self._correct(turn.line, 0, min(turn.tokens, turn.line.limits.tpm) - tokens)

    async def pause(self, line: Line, retry_after_s: float | None) -> float:
        """Hold the fleet's calls after a refusal for rate; returns for how many seconds."""
        said_ms = int((retry_after_s or 0) * 1000)
        arguments = [min(said_ms, self._longest_ms), self._longest_ms, self._first_ms]
        place = keys.pause(line.provider, line.model)
        try:
            wait_ms = int(await script("pause_calls").run(self._redis, [place], arguments))
        except (RedisError, OSError) as error:
            logger.warning(
                "pause not shared", extra={"provider": line.provider, "error": type(error).__name__}
            )
            wait_ms = min(said_ms or self._first_ms, self._longest_ms)
        self._seen[line.provider, line.model] = self._clock() + wait_ms / 1000
        logger.warning("provider paused", extra={"provider": line.provider, "ms": wait_ms})
        return wait_ms / 1000

    async def _reserve(self, line: Line, requests: int, tokens: int, patience_s: float) -> tuple[float, str]:
        try:
            reserved, wait_ms, reason = await script("pace_call").run(
                self._redis,
                [keys.pause(line.provider, line.model), *line.buckets],
                [int(patience_s * 1000), *line.rates, requests, tokens],
            )
        except (RedisError, OSError) as error:
            logger.warning("call not paced", extra={"provider": line.provider, "error": type(error).__name__})
            wait_s = max(0.0, self._seen.get((line.provider, line.model), 0.0) - self._clock())
            reserved, wait_ms, reason = wait_s <= patience_s, wait_s * 1000, b"pause"
        if not reserved:
            metrics.provider_paced.labels(line.provider, "refused", reason.decode()).inc()
            raise paced(line, reason.decode(), wait_ms / 1000)
        return wait_ms / 1000, reason.decode()

    async def _correct(self, line: Line, requests: int, tokens: int) -> None:
        if not line.limited or (requests == 0 and tokens == 0):
            return
        try:
            await script("settle_pace").run(self._redis, line.buckets, [*line.rates, requests, tokens])
        except (RedisError, OSError) as error:
            logger.warning(
                "pace not settled", extra={"provider": line.provider, "error": type(error).__name__}
            )


def paced(line: Line, reason: str, wait_s: float) -> ProviderPaced:
    """The refusal of a call that would break what the provider grants."""
    why = "wants no calls" if reason == "pause" else f"has no {reason} left in its limit"
    return ProviderPaced(
        f"The provider {line.provider} {why} for {line.model!r} for another {wait_s:.1f} s.",
        retry_after_s=wait_s,
    )
