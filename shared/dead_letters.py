"""Jobs that were given up: kept with the reason, until somebody has looked at them."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import script
from shared.wire.job import decode_payload


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One job given up; times are Redis ms. The payload, which holds the prompt, stays in Redis."""

    id: str
    job_id: str
    reason: str
    function: str
    attempts: int
    worker: str
    created_at_ms: int
    ended_at_ms: int


class DeadLetters:
    """The dead letters of one queue Redis; every method raises RedisError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def newest(self, count: int = 100) -> list[DeadLetter]:
        """List the latest ones first."""
        return [_read(*item) for item in await self._redis.xrevrange(keys.dead_letters(), count=count)]

    async def requeue(self, letter_id: str, *, deadline_ms: int) -> str | None:
        """Start a new job with the letter's payload and return its id; None when there is no such letter."""
        places = [keys.dead_letters(), keys.queue(), keys.bell("interactive")]
        job_id = await script("requeue").run(self._redis, places, [letter_id, deadline_ms])
        return job_id.decode() if job_id else None

    async def purge(self, letter_ids: Sequence[str] = ()) -> int:
        """Delete some letters, or all when none is named; returns how many there were."""
        if letter_ids:
            return int(await self._redis.xdel(keys.dead_letters(), *letter_ids))
        return int(await self._redis.xtrim(keys.dead_letters(), maxlen=0, approximate=False))


def _read(letter_id: bytes, fields: dict[bytes, bytes]) -> DeadLetter:
    return DeadLetter(
        id=letter_id.decode(),
        job_id=fields[b"job"].decode(),
        reason=fields[b"reason"].decode(),
        function=_function(fields[b"payload"]),
        attempts=int(fields[b"attempts"]),
        worker=fields[b"worker"].decode(),
        created_at_ms=int(fields[b"created_at"] or 0),
        ended_at_ms=int(fields[b"ended_at"]),
    )


def _function(payload: bytes) -> str:
    try:
        return decode_payload(payload).f
    except msgspec.DecodeError:
        return "unreadable"
