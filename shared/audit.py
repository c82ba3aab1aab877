"""What operators did: written before it is done, so that nothing is done unseen."""

import asyncio

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated


class Note(Struct, frozen=True, kw_only=True):
    """One thing that somebody did, or was about to do; times are Redis ms."""

    id: str
    at_ms: int
    by: str
    role: str
    action: str
    subject: str
    detail: str


class AuditLog:
    """The audit log of a fleet, on its first queue Redis; every method raises RedisUnavailable."""

    def __init__(self, home: Redis, *, kept: int, deadline_s: float | None = None) -> None:
        self._home = home
        self._kept = kept
        self._deadline_s = deadline_s

    async def note(self, *, by: str, role: str, action: str, subject: str, detail: str = "") -> None:
        """Write what is about to be done."""
        async with translated(), asyncio.timeout(self._deadline_s):
            await self._home.xadd(
                keys.audit(),
                {"by": by, "role": role, "action": action, "subject": subject, "detail": detail},
                maxlen=self._kept,
                approximate=True,
            )

    async def newest(self, count: int, *, before: str = "") -> list[Note]:
        """Read the latest notes first, from one on."""
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await self._home.xrevrange(keys.audit(), max=f"({before}" if before else "+", count=count)
        return [_read(note_id.decode(), fields) for note_id, fields in found]


def _read(note_id: str, fields: dict[bytes, bytes]) -> Note:
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in fields.items()}
    return Note(id=note_id, at_ms=int(note_id.partition("-")[0]), **text)
