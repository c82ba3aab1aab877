"""Jobs that do not get on, and why one would think so."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script

LOOKED_AT: Final = 500
"""Oldest jobs looked at in each state, on each server."""
REASONS: Final[Mapping[str, str]] = {
    "late": "its deadline has passed and nobody has settled it",
    "unclaimed": "it waits although it should have been claimed by now",
    "lapsed": "its worker's lease has ended and nobody has taken over",
    "slow": "it runs far longer than calls may take",
    "restarted": "it was claimed three times or more",
}


class Stuck(Struct, frozen=True, kw_only=True):
    """One such job; `for_ms` is how long it has been so."""

    job_id: str
    state: str
    kind: str
    reason: str
    for_ms: int
    worker: str


async def find_stuck(
    queues: Sequence[Redis], *, wait_s: float, run_s: float, deadline_s: float | None = None
) -> list[Stuck]:
    """Look at the oldest jobs of a fleet; raises RedisUnavailable."""
    arguments = [int(wait_s * 1000), int(run_s * 1000), LOOKED_AT]
    async with translated(), asyncio.timeout(deadline_s):
        found = await asyncio.gather(
            *(script("find_stuck").run(queue, [keys.queue()], arguments) for queue in queues)
        )
    stuck = [_read(*row) for rows in found for row in rows]
    return sorted(stuck, key=lambda one: one.for_ms, reverse=True)


def _read(job_id: bytes, kind: bytes, state: bytes, for_ms: int, worker: bytes) -> Stuck:
    return Stuck(
        job_id=job_id.decode(),
        state=state.decode(),
        kind=kind.decode(),
        reason=REASONS[kind.decode()],
        for_ms=for_ms,
        worker=worker.decode(),
    )
