"""The semantic step: the nearest stored question that similarity proposes and the guards accept."""

import asyncio
import logging
import time
import unicodedata
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from redis.exceptions import RedisError

from shared import ledger, metrics, prices, tracing
from shared.cache import EntryStore
from shared.errors import RedisUnavailable
from shared.wire.entry import Entry
from shared.wire.job import Job
from shared.wire.outcome import Embedding, Outcome, Usage
from shared.wrong_pairs import WrongPairs
from workers import genai
from workers.semantic.bounds import Bounds
from workers.semantic.embedder import Embedded, Embedder, EmbedderError, Vectors
from workers.semantic.found import Looked, best, describe, matched, observe
from workers.semantic.judging import Judge, Ruling
from workers.semantic.neighbours import SearchError, VectorIndex
from workers.semantic.proposing import BARRED, Proposal, Proposer, rule

logger = logging.getLogger(__name__)


class Compared(Struct, frozen=True):
    """What a policy rules on pairs, and the cosine from which it would have heard of them."""

    policy: str
    threshold: float
    rulings: Sequence[Ruling]


class Semantic:
    """Finds stored answers by meaning; whatever breaks here costs the step, never the job."""

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        entries: EntryStore,
        *,
        threshold: float | None,
        deadline_s: float,
        vendor: str,
        judge: Judge,
        bounds: Bounds,
        wrong_pairs: WrongPairs,
    ) -> None:
        self._embedder = embedder
        self._proposer = Proposer(index, entries)
        self._judge = judge
        self._bounds = bounds
        self._wrong_pairs = wrong_pairs
        self._threshold = self._judge.threshold(embedder.threshold) if threshold is None else threshold
        self._deadline_s = deadline_s
        self._vendor = vendor
        self.model = embedder.model
        """The embedder's model, as its vendor prices it."""
        self.unbooked = ledger.Batch()
        """Embeddings that were billed and that no settle will book."""

    @property
    def dimensions(self) -> int:
        """The length of the embedder's vectors."""
        return self._embedder.dimensions

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts for their own sake, together with the questions under way; raises EmbedderError."""
        return await self._embedder.embed(texts)

    def partition(self, job: Job) -> str:
        """The job's partition in this embedder's space."""
        return f"{job.partition}:{self._embedder.name}"

    def knows(self, partition: str) -> bool:
        """Whether a partition is in this embedder's space."""
        return partition.partition(":")[2] == self._embedder.name

    async def compare(self, entry: Entry, others: Sequence[Entry], similarities: Sequence[float]) -> Compared:
        """Rule on answering an entry's question from others, served to nobody and counted nowhere.

        Raises RedisUnavailable.
        """
        needed, barred = await asyncio.gather(
            self._bounds.needed(entry.tenant, None),
            self._wrong_pairs.barred(entry.tenant, entry.id, [other.id for other in others]),
        )
        stored = [other.question for other in others]
        rulings = await self._judge.weigh(entry.question, stored, similarities, needed=needed)
        pairs = zip(others, rulings, strict=True)
        ruled = [BARRED if other.id in barred else ruling for other, ruling in pairs]
        return Compared(self._bounds.policy, self._threshold, ruled)

    async def look(self, job: Job, now_ms: int) -> Looked:
        """Embed the question and find its nearest stored twin within the deadline."""
        if not job.policy.semantic:
            return Looked()
        started = time.perf_counter()
        bought: Embedded | None = None
        vector: Vectors | None = None
        try:
            async with asyncio.timeout(self._deadline_s):
                bought = await self._embed(job)
                vector = _whole(bought)
                embedded = time.perf_counter()
                with tracing.span("sentinel.cache.lookup") as span:
                    searched = await self._search(job, vector, now_ms)
                    describe(span, searched)
        except (EmbedderError, SearchError, RedisError, RedisUnavailable, OSError) as error:
            reason = type(error).__name__
            metrics.semantic_skipped.labels(reason).inc()
            logger.warning("semantic step skipped", extra={"reason": getattr(error, "reason", reason)})
            return self._priced(Looked(vector=None if vector is None else vector.tobytes()), bought)
        except asyncio.CancelledError:
            self.leave(job, self._priced(Looked(), bought))
            raise
        found = msgspec.structs.replace(
            searched,
            vector=vector.tobytes(),
            embed_ms=(embedded - started) * 1000,
            search_ms=(time.perf_counter() - embedded) * 1000,
        )
        if job.policy.read:
            observe(found)
        return self._priced(found, bought)

    def leave(self, job: Job, looked: Looked | Outcome) -> None:
        """Keep what a look cost for the ledger when nobody here settles its job."""
        if looked.embedding is not None:
            booked = ledger.embedded(job.key_id, looked.embedding, looked.embed_cost)
            self.unbooked.add(job.tenant, booked)

    def cost_of(self, tokens: int) -> int | None:
        """What embedding so many tokens costs, in picodollars; None when nobody knows."""
        return prices.cost_of(self._vendor, self.model, Usage(input_tokens=tokens))

    def take_unclaimed_tokens(self) -> int:
        """Tokens billed for callers who had all left, since they were last asked for."""
        tokens: int = getattr(self._embedder, "unclaimed_tokens", 0)
        if tokens:
            self._embedder.unclaimed_tokens = 0  # type: ignore[attr-defined]
        return tokens

    def _priced(self, looked: Looked, bought: Embedded | None) -> Looked:
        if bought is None:
            return looked
        return msgspec.structs.replace(
            looked,
            embedding=Embedding(self.model, bought.tokens),
            embed_cost=self.cost_of(bought.tokens),
        )

    async def _embed(self, job: Job) -> Embedded:
        question = unicodedata.normalize("NFC", job.completion.question)
        kind: tracing.Kind = "internal" if self._vendor == "local" else "client"
        with tracing.span(
            f"embeddings {self.model}", kind, genai.embeddings(self._vendor, self.model)
        ) as span:
            embedded = await self._embedder.embed([question])
            span.note({"gen_ai.usage.input_tokens": embedded.tokens})
        return embedded

    async def _search(self, job: Job, vector: Vectors, now_ms: int) -> Looked:
        if not job.policy.read:
            return Looked()
        threshold = max(self._threshold, job.policy.threshold or 0.0)
        proposed = await self._proposer.propose(job, self.partition(job), vector, threshold, now_ms)
        proposals = [*proposed.fresh, *proposed.stale]
        judging = time.perf_counter()
        rulings = await self._rule(job, proposals)
        guards_ms = (time.perf_counter() - judging) * 1000
        told = [
            (p.entry, matched(p, ruling, self._bounds.policy))
            for p, ruling in zip(proposals, rulings, strict=True)
        ]
        fresh, stale = len(proposed.fresh), len(proposed.stale)
        entry, match = best(told[:fresh], rulings[:fresh]) or (None, None)
        return Looked(
            entry=entry,
            match=match or (told[0][1] if told else proposed.nearest),
            stale=best(told[fresh:], rulings[fresh:]) if stale else None,
            proposal=best(told[:fresh], rulings[:fresh], refused=True),
            guards_ms=guards_ms,
        )

    async def _rule(self, job: Job, proposals: Sequence[Proposal]) -> list[Ruling]:
        if not proposals:
            return []
        needed, barred = await asyncio.gather(
            self._bounds.needed(job.tenant, job.policy.most_wrong),
            self._wrong_pairs.barred(job.tenant, job.fingerprint, [p.entry.id for p in proposals]),
        )
        question = job.completion.question
        return await rule(self._judge, question, proposals, needed=needed, barred=frozenset(barred))


def _whole(bought: Embedded) -> Vectors:
    if bought.truncated[0]:
        # Equal vectors of cut texts do not mean equal texts.
        raise EmbedderError("the question is longer than the embedder reads")
    vector: Vectors = bought.vectors[0]
    return vector
