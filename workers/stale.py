"""Stored answers where a new one was wanted: because nobody gave one, or because somebody just had."""

import logging

from redis.exceptions import RedisError

from shared import metrics
from shared.errors import DeadlineExceeded, ProviderError, RedisUnavailable, SentinelError
from shared.freshness import fresh_until_ms, stage_of
from shared.wire.entry import Entry
from shared.wire.job import Job
from shared.wire.outcome import Completed, Match, Stale
from workers.context import WorkerContext
from workers.providers.decisions import another_may
from workers.semantic.found import Looked

logger = logging.getLogger(__name__)


async def refreshed_meanwhile(ctx: WorkerContext, job: Job, now_ms: int) -> Completed | None:
    """The question's own entry, when a refresh finds it fresh: another one was faster."""
    if not job.policy.refresh:
        return None
    entry = await _own_entry(ctx, job)
    if entry is None or fresh_until_ms(entry) <= now_ms:
        return None
    metrics.refreshes.labels("already_fresh").inc()
    return Completed(
        answer=entry.answer,
        source="semantic",
        match=Match(similarity=1.0, threshold=1.0, entry_id=entry.id),
        entry_expires_at_ms=fresh_until_ms(entry),
    )


async def instead_of(
    ctx: WorkerContext, job: Job, error: SentinelError, looked: Looked, now_ms: int
) -> Completed | None:
    """A stale answer to stand in for a failure: this question's own, else one that means the same."""
    if job.policy.refresh:
        metrics.refreshes.labels("failed").inc()
        return None
    if not _may_stand_in_for(error):
        return None
    own = await _own_entry(ctx, job)
    if own is not None and stage_of(own, job.tenant, job.policy, ctx.settings, now_ms) != "unusable":
        entry, match = own, looked.match
    elif (
        looked.stale and stage_of(looked.stale[0], job.tenant, job.policy, ctx.settings, now_ms) != "unusable"
    ):
        entry, match = looked.stale
    else:
        return None
    stale = Stale(reason=error.code, type="exact" if entry is own else "semantic", entry_id=entry.id)
    return Completed(
        answer=entry.answer,
        source="semantic",
        match=match,
        entry_expires_at_ms=fresh_until_ms(entry),
        embed_cost=looked.embed_cost,
        embedding=looked.embedding,
        # What failed may be billed all the same.
        spent=error.spent if isinstance(error, ProviderError) else (),
        attempts=error.attempts if isinstance(error, ProviderError) else (),
        stale=stale,
    )


def _may_stand_in_for(error: SentinelError) -> bool:
    """Whether a failure is the provider's, or its account's; a question that it refuses stays refused."""
    return isinstance(error, DeadlineExceeded) or (isinstance(error, ProviderError) and another_may(error))


async def _own_entry(ctx: WorkerContext, job: Job) -> Entry | None:
    try:
        return await ctx.entries.read(job.fingerprint, job.tenant)
    except (RedisUnavailable, RedisError, OSError) as error:
        # Without the cache there is nothing to serve instead.
        logger.warning("own entry not read", extra={"error": type(error).__name__})
        return None
