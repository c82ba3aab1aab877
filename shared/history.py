"""The jobs of a fleet as they can be found: settled ones in its history, the others in its queues.

A page costs one script on each queue Redis, however long the history is: see find_jobs.lua.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

LOOKED_AT_MAX: Final = 2_000
"""Most rows that one page looks at on one server, a quarter of it through an index: about 6 ms of Redis."""
LIVE_MAX: Final = 200
FACETS: Final = ("state", "model", "tenant", "class", "hit", "error")


class Wanted(Struct, frozen=True, kw_only=True):
    """What jobs are looked for; times are Unix ms. `facets` are field, value pairs."""

    facets: tuple[tuple[str, str], ...] = ()
    since_ms: int | None = None
    until_ms: int | None = None


class Row(Struct, frozen=True, kw_only=True):
    """One job in a list; times are Redis ms, 0 for what has not happened."""

    job_id: str
    state: str
    tenant: str
    model: str
    priority: str
    hit: str = ""
    error: str = ""
    created_ms: int
    started_ms: int = 0
    settled_ms: int = 0
    worker: str = ""
    attempts: int = 0
    twins: int = 0
    place: str = ""
    """Where the next page begins after this row."""

    @property
    def wait_ms(self) -> int:
        """How long it waited for a worker."""
        return max(0, (self.started_ms or self.settled_ms) - self.created_ms)

    @property
    def run_ms(self) -> int:
        """How long it ran, once it has settled."""
        return max(0, self.settled_ms - self.started_ms) if self.started_ms and self.settled_ms else 0


class Page(Struct, frozen=True, kw_only=True):
    """Some jobs; `after` is where the next page begins, '' when there is none.

    `looked_at` is how many rows were looked at: a page may be short because they were many.
    """

    rows: tuple[Row, ...]
    after: str
    looked_at: int


class History:
    """The jobs of a fleet, on one queue Redis or on many."""

    def __init__(self, queues: Sequence[Redis], *, deadline_s: float | None = None) -> None:
        self._queues = tuple(queues)
        self._deadline_s = deadline_s

    async def settled(self, wanted: Wanted, *, after: str = "", count: int = 50) -> Page:
        """Find settled jobs, newest first; raises RedisUnavailable."""
        place = read_place(after)
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await asyncio.gather(
                *(self._find(number, wanted, place, count) for number in range(len(self._queues)))
            )
        return merged(found, count)

    async def live(
        self, state: Literal["queued", "in_progress"], wanted: Wanted, *, count: int = LIVE_MAX
    ) -> tuple[Row, ...]:
        """Find jobs that wait or run, newest first; raises RedisUnavailable."""
        facets = [part for pair in wanted.facets if pair[0] != "state" for part in pair]
        async with translated(), asyncio.timeout(self._deadline_s):
            replies = await asyncio.gather(
                *(
                    script("find_live_jobs").run(q, [keys.queue()], [state, count, LOOKED_AT_MAX, *facets])
                    for q in self._queues
                )
            )
        rows = [_live(fields) for _, _, *found in replies for fields in found]
        return tuple(sorted(rows, key=lambda row: row.created_ms, reverse=True)[:count])

    async def _find(
        self, shard: int, wanted: Wanted, place: "Place | None", count: int
    ) -> tuple[int, int, str, bool, list[Row]]:
        inclusive = place is not None and shard > place.shard
        arguments: list[Argument] = [
            "" if place is None else place.row,
            "1" if inclusive else "0",
            "" if wanted.since_ms is None else wanted.since_ms,
            "" if wanted.until_ms is None else wanted.until_ms,
            *(count, LOOKED_AT_MAX),
            *(part for pair in wanted.facets for part in pair),
        ]
        looked, last, more, *rows = await script("find_jobs").run(
            self._queues[shard], [keys.history()], arguments
        )
        return shard, int(looked), last.decode(), bool(more), [_settled(shard, *row) for row in rows]


class Place(Struct, frozen=True, order=True):
    """A row's place in the history of a fleet: its id, and the number of its server."""

    row: str
    shard: int


def read_place(after: str) -> Place | None:
    """Read where a page begins; None for the beginning, and for what is no place."""
    row, _, shard = after.partition("@")
    ms, _, number = row.partition("-")
    if all(part.isascii() and part.isdecimal() and len(part) < 20 for part in (ms, number, shard)):  # noqa: PLR2004
        return Place(row, int(shard))
    return None


def merged(found: Sequence[tuple[int, int, str, bool, list[Row]]], count: int) -> Page:
    """One page out of a page of each server.

    A server that stopped looking before it had a page may hide rows older than its last look: the page ends
    there, so that none is skipped.
    """
    rows = sorted(
        (row for *_, part in found for row in part), key=lambda row: _order(row.place), reverse=True
    )
    ends = [f"{last}@{shard}" for shard, _, last, more, part in found if more and last]
    if ends:
        horizon = max(ends, key=_order)
        rows = [row for row in rows if _order(row.place) >= _order(horizon)]
    else:
        horizon = ""
    after = rows[count - 1].place if len(rows) >= count and (len(rows) > count or ends) else horizon
    return Page(rows=tuple(rows[:count]), after=after, looked_at=sum(looked for _, looked, *_ in found))


def _order(place: str) -> tuple[int, int, int]:
    row, _, shard = place.partition("@")
    ms, _, number = row.partition("-")
    # Of two rows of one instant, the lower server's comes first on the page.
    return int(ms), int(number), -int(shard)


def _settled(shard: int, row_id: bytes, flat: Sequence[bytes]) -> Row:
    fields = {flat[n].decode(): flat[n + 1].decode() for n in range(0, len(flat) - 1, 2)}
    return Row(
        job_id=fields["job"],
        state=fields["state"],
        tenant=fields["tenant"],
        model=fields["model"],
        priority=fields["class"],
        hit=fields["hit"],
        error=fields["error"],
        created_ms=_ms(fields["created"]),
        started_ms=_ms(fields["started"]),
        settled_ms=int(row_id.partition(b"-")[0]),
        worker=fields["worker"],
        attempts=int(fields["attempts"]),
        twins=int(fields["twins"]),
        place=f"{row_id.decode()}@{shard}",
    )


def _live(flat: Sequence[bytes]) -> Row:
    job_id, *rest = flat
    fields = {rest[n].decode(): rest[n + 1].decode() for n in range(0, len(rest) - 1, 2)}
    return Row(
        job_id=job_id.decode(),
        state=fields["state"] or "queued",
        tenant=fields["tenant"],
        model=fields["model"],
        priority=fields["class"],
        created_ms=_ms(fields["created_at"]),
        started_ms=_ms(fields["started_at"]),
        worker=fields["worker"],
        attempts=int(fields["attempts"] or 0),
        twins=int(fields["twins"] or 0),
    )


def _ms(text: str) -> int:
    return int(float(text)) if text else 0
