"""The semantic step: the nearest stored question that similarity proposes and the guards accept."""

import asyncio
import logging
import time
import unicodedata

from msgspec import Struct
from redis.exceptions import RedisError

from shared import metrics, prices
from shared.cache import EntryStore, may_serve
from shared.errors import RedisUnavailable
from shared.wire.entry import Entry, IndexRow
from shared.wire.job import Job
from shared.wire.outcome import Match, Verdict
from workers.semantic.embedder import Embedder, EmbedderError, Vectors
from workers.semantic.feed import IndexFeed
from workers.semantic.guards import judge
from workers.semantic.index import Neighbour

logger = logging.getLogger(__name__)

CANDIDATES = 4
"""Neighbours that are read and judged; the right one is hardly ever further down."""


class Looked(Struct, frozen=True, kw_only=True):
    """What the semantic step found; `vector` is None when it was skipped."""

    entry: Entry | None = None
    match: Match | None = None
    vector: bytes | None = None
    embed_ms: float = 0.0
    search_ms: float = 0.0
    embed_cost: int | None = 0


class Semantic:
    """Finds stored answers by meaning; whatever breaks here costs the step, never the job."""

    def __init__(
        self,
        embedder: Embedder,
        feed: IndexFeed,
        entries: EntryStore,
        *,
        threshold: float | None,
        deadline_s: float,
        vendor: str,
    ) -> None:
        self._embedder = embedder
        self._feed = feed
        self._entries = entries
        self._threshold = embedder.threshold if threshold is None else threshold
        self._deadline_s = deadline_s
        self._vendor = vendor

    def partition(self, job: Job) -> str:
        """The job's partition in this embedder's space."""
        return f"{job.partition}:{self._embedder.name}"

    async def look(self, job: Job, now_ms: int) -> Looked:
        """Embed the question and find its nearest stored twin within the deadline."""
        if not job.policy.semantic:
            return Looked()
        started = time.perf_counter()
        vector: Vectors | None = None
        cost: int | None = 0
        try:
            async with asyncio.timeout(self._deadline_s):
                vector, cost = await self._embed(job)
                embedded = time.perf_counter()
                entry, match = await self._search(job, vector, now_ms)
        except (EmbedderError, RedisError, RedisUnavailable, OSError) as error:
            reason = type(error).__name__
            metrics.semantic_skipped.labels(reason).inc()
            logger.warning("semantic step skipped", extra={"reason": getattr(error, "reason", reason)})
            return Looked(vector=(vector is not None and vector.tobytes()) or None, embed_cost=cost)
        return Looked(
            entry=entry,
            match=match,
            vector=vector.tobytes(),
            embed_ms=(embedded - started) * 1000,
            search_ms=(time.perf_counter() - embedded) * 1000,
            embed_cost=cost,
        )

    async def _embed(self, job: Job) -> tuple[Vectors, int | None]:
        text = unicodedata.normalize("NFC", job.completion.question)
        embedded = await self._embedder.embed([text])
        if embedded.truncated[0]:
            # Equal vectors of cut texts do not mean equal texts.
            raise EmbedderError("the question is longer than the embedder reads")
        model = self._embedder.name.partition("/")[0]
        return embedded.vectors[0], prices.cost_of(self._vendor, model, embedded.tokens, 0)

    async def _search(self, job: Job, vector: Vectors, now_ms: int) -> tuple[Entry | None, Match | None]:
        if not job.policy.read:
            return None, None
        index = await self._feed.partition(self.partition(job))
        neighbours = index.nearest(vector, CANDIDATES, now_ms)
        threshold = max(self._threshold, job.policy.threshold or 0.0)
        best: Match | None = None
        for neighbour in neighbours:
            entry, match = await self._weigh(job, neighbour, threshold, now_ms)
            if entry is not None:
                return entry, match
            best = best or match
        return None, best

    async def _weigh(
        self, job: Job, neighbour: Neighbour, threshold: float, now_ms: int
    ) -> tuple[Entry | None, Match | None]:
        match = Match(
            similarity=round(neighbour.similarity, 6), threshold=threshold, entry_id=neighbour.entry_id
        )
        if neighbour.similarity < threshold:
            return None, match
        entry = await self._entries.read(neighbour.entry_id)
        if entry is None:
            # Evicted or expired: the vector must not propose it again.
            await self._entries.drop_vector(self.partition(job), neighbour.entry_id)
            return None, None
        if not may_serve(entry, job.tenant, job.policy, now_ms):
            return None, match
        guards = tuple(
            Verdict(v.name, v.passed, v.reason) for v in judge(job.completion.question, entry.question)
        )
        match = Match(
            similarity=match.similarity, threshold=threshold, entry_id=neighbour.entry_id, guards=guards
        )
        return (entry if all(g.passed for g in guards) else None), match


def index_row(vector: bytes | None, expires_at_ms: int) -> IndexRow | None:
    """An answer's place in the index, if its question was embedded."""
    return None if vector is None else IndexRow(vector=vector, expires_at_ms=expires_at_ms)
