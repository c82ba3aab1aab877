"""When breakers changed: the last thousand changes of the fleet, for looking at."""

import asyncio
import contextlib

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.redis.connect import translated

KEPT = 1_000
LOOKED_AT_MS = 3_600_000


class Changes(Struct, frozen=True):
    """The changes of the last hour, oldest first: when in Redis ms, whose, and what it became."""

    now_ms: int
    all: tuple[tuple[int, str, str], ...]


async def note(home: Redis, provider: str, became: str) -> None:
    """Write that a breaker changed; what cannot be written is forgotten."""
    with contextlib.suppress(RedisError, OSError):
        await home.xadd(
            keys.breaker_log(), {"provider": provider, "became": became}, maxlen=KEPT, approximate=True
        )


async def changes(home: Redis, *, deadline_s: float | None = None) -> Changes:
    """Read the last hour; raises RedisUnavailable."""
    async with translated(), asyncio.timeout(deadline_s):
        seconds, micros = await home.time()
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        found = await home.xrange(keys.breaker_log(), min=str(now_ms - LOOKED_AT_MS))
    rows = [
        (int(place.partition(b"-")[0]), fields[b"provider"].decode(), fields[b"became"].decode())
        for place, fields in found
    ]
    return Changes(now_ms, tuple(rows))
