"""Finds the stored answers nearest to one of them, for who looks through the cache.

The vector is the stored one: nothing is embedded, bought, booked or remembered.
"""

import asyncio
import time

from redis.exceptions import RedisError

from shared.claims import Claimed
from shared.errors import (
    Cancelled,
    DeadlineExceeded,
    NotFound,
    SentinelError,
    Unavailable,
)
from shared.redis import keys
from shared.settlements import Settlement
from shared.wire.outcome import Failed, encode_announcement
from shared.wire.similar import FUNCTION, Near, Neighbours, NeighboursResult, SimilarJob, encode_result
from workers.context import WorkerContext
from workers.embedding import left_s
from workers.semantic.neighbours import SearchError
from workers.semantic.wording import verdict_of
from workers.starting import check_start

KEPT_MS = 60_000
"""Whoever asked reads it at once; nobody comes back for it."""


async def run_similar(ctx: WorkerContext, claimed: Claimed, job: SimilarJob, now_ms: int) -> Settlement:
    """Find an entry's neighbours and lay out what settles the job."""
    started = time.monotonic()
    outcome: Neighbours | Failed
    try:
        check_start(ctx, claimed, "neighbours")
        async with asyncio.timeout(left_s(ctx, claimed, now_ms)):
            outcome = await neighbours_of(ctx, job, now_ms)
    except TimeoutError:
        outcome = Failed.from_error(DeadlineExceeded("The neighbours were not found by the job's deadline."))
    except SentinelError as error:
        outcome = Failed.from_error(error)
    except (SearchError, RedisError, OSError) as error:
        failed = Unavailable(f"The index cannot be searched now ({type(error).__name__}).", retry_after_s=1)
        outcome = Failed.from_error(failed)
    finished_ms = now_ms + int((time.monotonic() - started) * 1000)
    return _settlement(claimed, outcome, now_ms, finished_ms)


async def neighbours_of(ctx: WorkerContext, job: SimilarJob, now_ms: int) -> Neighbours:
    """Find them in the entry's own partition, those that its tenant may read.

    Raises NotFound, RedisUnavailable, SearchError and RedisError.
    """
    entry = await ctx.entries.read(job.entry_id, job.tenant)
    if entry is None:
        raise NotFound("This tenant has no entry of this id.")
    vector = None
    if ctx.semantic.knows(entry.partition):
        vector = await ctx.index.vector(entry.partition, entry.id)
    if vector is None or vector.shape != (ctx.semantic.dimensions,):
        return Neighbours(known=False)
    found = await ctx.index.nearest(entry.partition, vector, job.most + 1, now_ms)
    found = [neighbour for neighbour in found if neighbour.entry_id != entry.id][: job.most]
    read = await asyncio.gather(*(ctx.entries.read(one.entry_id, job.tenant) for one in found))
    pairs = [(other, one.similarity) for other, one in zip(read, found, strict=True) if other is not None]
    others, similarities = [other for other, _ in pairs], [similarity for _, similarity in pairs]
    said = await ctx.semantic.compare(entry, others, similarities)
    near = tuple(
        Near(
            entry_id=other.id,
            similarity=round(similarity, 6),
            match=ruling.accepted and similarity >= said.threshold,
            verdict=verdict_of(ruling, similarity, said.threshold),
            guards=ruling.verdicts,
        )
        for other, similarity, ruling in zip(others, similarities, said.rulings, strict=True)
    )
    return Neighbours(known=True, policy=said.policy, threshold=said.threshold, near=near)


def _settlement(
    claimed: Claimed, outcome: Neighbours | Failed, started_ms: int, finished_ms: int
) -> Settlement:
    completed = isinstance(outcome, Neighbours)
    result = encode_result(
        NeighboursResult(
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
        keep_ms=KEPT_MS,
        handoff_ms=0,
        commit=b"",
        announcement=encode_announcement(claimed.job_id, result),
    )
