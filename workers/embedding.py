"""Embeds texts for their own sake: what /v1/embeddings asks, through the embedder of the semantic step."""

import asyncio
import logging
import time
import unicodedata

from redis.exceptions import RedisError

from shared import ledger
from shared.claims import Claimed
from shared.errors import (
    BadRequest,
    Cancelled,
    DeadlineExceeded,
    EmbedderUnavailable,
    SentinelError,
    TriesExhausted,
    UnknownModel,
)
from shared.redis import keys
from shared.settlements import Increment, Settlement
from shared.wire.embedding import FUNCTION, EmbedJob, Vector, Vectors, VectorsResult, encode_result
from shared.wire.outcome import Embedding, Failed, encode_announcement
from workers.context import WorkerContext
from workers.semantic.embedder import Embedded, EmbedderError
from workers.semantic.shares import shares
from workers.starting import check_start

logger = logging.getLogger(__name__)

AT_ONCE = 32
"""Texts of one call: between two of them the questions of others get their turn."""


async def run_embedding(ctx: WorkerContext, claimed: Claimed, job: EmbedJob, now_ms: int) -> Settlement:
    """Embed a job's texts and lay out what settles it."""
    started = time.monotonic()
    work = _Work(ctx, job)
    outcome: Vectors | Failed
    try:
        _check(ctx, claimed, job)
        async with asyncio.timeout(left_s(ctx, claimed, now_ms)):
            outcome = await work.vectors()
    except TimeoutError:
        late = DeadlineExceeded("The texts were not embedded by the job's deadline.")
        outcome = Failed.from_error(late)
    except SentinelError as error:
        outcome = Failed.from_error(error)
    except asyncio.CancelledError:
        work.leave()
        raise
    if isinstance(outcome, Vectors):
        try:
            await ctx.embeddings.store(job, outcome.vectors, asked_at_ms=now_ms)
        except (RedisError, OSError) as error:
            logger.warning("embeddings not stored", extra={"error": type(error).__name__})
    finished_ms = now_ms + int((time.monotonic() - started) * 1000)
    return _settlement(ctx, claimed, outcome, work.increments(), now_ms, finished_ms)


class _Work:
    """One job's texts, and what embedding them has cost so far."""

    def __init__(self, ctx: WorkerContext, job: EmbedJob) -> None:
        self._ctx = ctx
        self._job = job
        self._tokens = 0
        self._began = False

    async def vectors(self) -> Vectors:
        """Embed them all; raises EmbedderUnavailable, and BadRequest for one that is too long."""
        found: list[Vector] = []
        for first in range(0, len(self._job.texts), AT_ONCE):
            texts = [unicodedata.normalize("NFC", t) for t in self._job.texts[first : first + AT_ONCE]]
            embedded = await self._embed(texts)
            if any(embedded.truncated):
                number = first + embedded.truncated.index(True)
                raise BadRequest(
                    f"Text {number + 1} of those to embed is longer than {self._job.model} reads."
                )
            found += self._billed(texts, embedded)
        return Vectors(model=self._job.model, vectors=tuple(found))

    async def _embed(self, texts: list[str]) -> Embedded:
        try:
            embedded = await self._ctx.semantic.embed(texts)
        except EmbedderError as error:
            raise EmbedderUnavailable(f"The embedder failed: {error.reason}.") from error
        self._began = True
        self._tokens += embedded.tokens
        return embedded

    def _billed(self, texts: list[str], embedded: Embedded) -> list[Vector]:
        """Each vector with its share of the bill; the shares add up to it."""
        tokens = shares(embedded.tokens, [len(text) for text in texts])
        cost = self._ctx.semantic.cost_of(embedded.tokens)
        costs = [None] * len(texts) if cost is None else shares(cost, tokens)
        rows = [row.astype("<f4").tobytes() for row in embedded.vectors]
        return [Vector(*one) for one in zip(rows, tokens, costs, strict=True)]

    def increments(self) -> tuple[Increment, ...]:
        """What settling adds to the ledger: whatever was billed, also of a job that failed."""
        if not self._began:
            return ()
        return tuple(Increment(*line) for line in self._booked())

    def leave(self) -> None:
        """Keep what was billed for the ledger when nobody here settles the job."""
        if self._began:
            self._ctx.semantic.unbooked.add(self._job.tenant, iter(self._booked()))

    def _booked(self) -> list[tuple[str, int]]:
        semantic = self._ctx.semantic
        embedding = Embedding(semantic.model, self._tokens)
        return list(ledger.embedded(self._job.key_id, embedding, semantic.cost_of(self._tokens)))


def _check(ctx: WorkerContext, claimed: Claimed, job: EmbedJob) -> None:
    check_start(ctx, claimed, "vectors")
    semantic = ctx.semantic
    if job.model != semantic.model:
        raise UnknownModel(f"This fleet's workers embed with {semantic.model!r}.")
    if job.dimensions not in (None, semantic.dimensions):
        raise BadRequest(f"{job.model} gives {semantic.dimensions} dimensions here, not {job.dimensions}.")


def left_s(ctx: WorkerContext, claimed: Claimed, now_ms: int) -> float:
    """Seconds until a job's deadline, or as many as any job has."""
    if claimed.deadline_at_ms is None:
        return ctx.settings.job_deadline_s
    return max(0.0, (claimed.deadline_at_ms - now_ms) / 1000)


def _settlement(
    ctx: WorkerContext,
    claimed: Claimed,
    outcome: Vectors | Failed,
    increments: tuple[Increment, ...],
    started_ms: int,
    finished_ms: int,
) -> Settlement:
    settings = ctx.settings
    completed = isinstance(outcome, Vectors)
    result = encode_result(
        VectorsResult(
            t=claimed.tries,
            f=FUNCTION,
            et=claimed.created_at_ms,
            s=completed,
            r=outcome,
            st=started_ms,
            ft=finished_ms,
            q=keys.queue(),
            id=claimed.job_id,
        )
    )
    code = outcome.code if isinstance(outcome, Failed) else ""
    return Settlement(
        state="completed" if completed else "cancelled" if code == Cancelled.code else "failed",
        outcome=result,
        keep_ms=int((settings.outcome_ttl_s if completed else settings.failure_ttl_s) * 1000),
        handoff_ms=int(settings.handoff_s * 1000) if completed else 0,
        commit=b"",
        announcement=encode_announcement(claimed.job_id, result),
        given_up=code if code == TriesExhausted.code else "",
        ledger=increments,
    )
