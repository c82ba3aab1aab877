"""What similarity proposes: stored entries whose questions are near, fresh ones and stale ones."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.cache import EntryStore
from shared.freshness import is_fresh
from shared.wire.entry import Entry
from shared.wire.job import Job
from shared.wire.outcome import Match, Verdict
from workers.semantic.embedder import Vectors
from workers.semantic.judging import Judge, Ruling
from workers.semantic.neighbours import Neighbour, VectorIndex

CANDIDATES = 4
"""Neighbours that are read and judged; the right one is hardly ever further down."""
NEIGHBOURS = 3 * CANDIDATES
"""Neighbours that are looked at, so that stale ones do not stand before the fresh."""
_FOUND_WRONG = Verdict("feedback", passed=False, reason="this pairing was found wrong")
BARRED = Ruling(accepted=False, verdicts=(_FOUND_WRONG,), vetoed=True)


@dataclass(frozen=True, slots=True)
class Proposal:
    """An entry near enough to be judged, and how near it is."""

    entry: Entry
    match: Match


@dataclass(frozen=True, slots=True)
class Proposed:
    """What one search brought, nearest first; `nearest` is the nearest question also when it is too far."""

    fresh: Sequence[Proposal] = ()
    stale: Sequence[Proposal] = ()
    nearest: Match | None = None


class Proposer:
    """Finds proposals; an entry that is gone takes its vector along."""

    def __init__(self, index: VectorIndex, entries: EntryStore) -> None:
        self._index = index
        self._entries = entries

    async def propose(
        self, job: Job, partition: str, vector: Vectors, threshold: float, now_ms: int
    ) -> Proposed:
        """Search a partition and read what is near enough; raises SearchError and RedisUnavailable."""
        neighbours = await self._index.nearest(partition, vector, NEIGHBOURS, now_ms)
        near = [neighbour for neighbour in neighbours if neighbour.similarity >= threshold]
        found = await asyncio.gather(*(self._read(job, partition, n, threshold, now_ms) for n in near))
        matches = [match for _, match in found if match is not None]
        matches += [_match(n, threshold) for n in neighbours if n.similarity < threshold]
        proposals = [
            Proposal(entry, match) for entry, match in found if entry is not None and match is not None
        ]
        return Proposed(
            fresh=[p for p in proposals if is_fresh(p.entry, job.policy, now_ms)][:CANDIDATES],
            stale=[p for p in proposals if not is_fresh(p.entry, job.policy, now_ms)][:1],
            nearest=matches[0] if matches else None,
        )

    async def _read(
        self, job: Job, partition: str, neighbour: Neighbour, threshold: float, now_ms: int
    ) -> tuple[Entry | None, Match | None]:
        match = _match(neighbour, threshold)
        entry = await self._entries.read(neighbour.entry_id, job.tenant)
        if entry is None:
            # Evicted, expired or purged: the vector must not propose it again.
            await self._entries.drop_vector(partition, neighbour.entry_id)
            return None, None
        return (entry if entry.tenant == job.tenant and entry.expires_at_ms > now_ms else None), match


async def rule(
    judge: Judge,
    question: str,
    proposals: Sequence[Proposal],
    *,
    needed: float | None = None,
    barred: frozenset[str] = frozenset(),
) -> list[Ruling]:
    """Let a policy rule on proposals; those that were found wrong before are refused unheard."""
    heard = [p for p in proposals if p.entry.id not in barred]
    ruled = iter(
        await judge.rule(
            question,
            [p.entry.question for p in heard],
            [p.match.similarity for p in heard],
            needed=needed,
        )
    )
    return [BARRED if p.entry.id in barred else next(ruled) for p in proposals]


def _match(neighbour: Neighbour, threshold: float) -> Match:
    return Match(similarity=round(neighbour.similarity, 6), threshold=threshold, entry_id=neighbour.entry_id)
