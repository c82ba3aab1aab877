"""How texts are embedded: from the cache, and what is missing by one job of a worker's embedder."""

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence

from msgspec import Struct
from redis.exceptions import RedisError

from ingress import budgeting
from ingress.admission import check
from ingress.ask import Leaving
from ingress.context import IngressContext
from ingress.embeddings_request import EmbeddingsRequest
from ingress.exchange import Exchange
from ingress.preferences import CacheDirectives
from ingress.question import scope_of
from ingress.submitting import check_taken, quota_of
from ingress.withdrawal import end_interest
from shared import metrics
from shared.budgets import BYTES_PER_TOKEN, Reservation, budgets_of
from shared.clients import Client
from shared.errors import CacheMiss, DeadlineExceeded, Draining, PriceUnknown
from shared.fingerprint import joint_fingerprint, text_fingerprint
from shared.prices import price_of
from shared.purging import labels_for
from shared.submissions import Submission, lasts_ms
from shared.tasks import cancel
from shared.wire.completion import CachePolicy
from shared.wire.embedding import EmbedJob, Vector, Vectors, decode_result, encode_payload
from shared.wire.outcome import Failed

logger = logging.getLogger(__name__)


class Found(Struct, frozen=True):
    """Vectors by text; `stored` are the texts whose vectors were there, `job_id` brought the others."""

    vectors: Mapping[str, Vector]
    stored: frozenset[str]
    job_id: str | None = None


class _Wanted(Struct, frozen=True, kw_only=True):
    """A request on its way: its texts with their fingerprints, and what the cache may do."""

    asked: EmbeddingsRequest
    fingerprints: Mapping[str, str]
    labels: tuple[str, ...]
    read: bool
    write: bool
    only_if_cached: bool


async def embed(
    ctx: IngressContext,
    client: Client,
    asked: EmbeddingsRequest,
    texts: Sequence[str],
    directives: CacheDirectives,
    exchange: Exchange,
    leaving: Leaving,
) -> Found | Failed:
    """Find every text's vector; raises RateLimited, CacheMiss, BudgetExceeded, Unavailable and its kinds."""
    wanted = _wanted(ctx, client, asked, texts, directives)
    rate, stored = await asyncio.gather(ctx.admission.admit(client), _stored(ctx, client, wanted))
    exchange.rate = rate
    check(rate)
    for vector in stored.values():
        ctx.savings.add_embedding(client, asked.model, vector.cost)
    missing = [text for text in wanted.fingerprints if text not in stored]
    metrics.cache_hits.labels("miss" if missing else "exact").inc()
    if not missing:
        return Found(stored, frozenset(stored))
    if wanted.only_if_cached:
        raise CacheMiss("Not every text has a stored vector, and only-if-cached forbids embedding it.")
    if ctx.drain.draining:
        raise Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    job_id, bought = await _bought(ctx, client, wanted, missing, exchange, leaving)
    if isinstance(bought, Failed):
        return bought
    vectors = {**stored, **dict(zip(missing, bought.vectors, strict=True))}
    return Found(vectors, frozenset(stored), job_id)


def _wanted(
    ctx: IngressContext,
    client: Client,
    asked: EmbeddingsRequest,
    texts: Sequence[str],
    directives: CacheDirectives,
) -> _Wanted:
    settings, cache = ctx.settings, asked.cache
    space = f"{settings.embedder_used}/{asked.model}/{settings.embedder_dimensions or ''}"
    scope = scope_of(client.tenant, cache.namespace)
    policy = CachePolicy(namespace=cache.namespace, tags=tuple(sorted(set(cache.tags))))
    return _Wanted(
        asked=asked,
        fingerprints={text: text_fingerprint(ctx.fingerprint_secret, scope, space, text) for text in texts},
        labels=tuple(labels_for(asked.model, policy)),
        read=not (cache.no_cache or directives.no_cache),
        write=not (cache.no_store or directives.no_store),
        only_if_cached=directives.only_if_cached,
    )


async def _stored(ctx: IngressContext, client: Client, wanted: _Wanted) -> dict[str, Vector]:
    """What the cache has; without the cache every text is a miss."""
    if not wanted.read:
        return {}
    try:
        async with asyncio.timeout(2 * ctx.settings.redis_timeout_s):
            found = await ctx.embeddings.find(
                client.tenant, tuple(wanted.fingerprints.values()), wanted.labels
            )
    except (RedisError, OSError) as error:
        metrics.lookups_failed_open.inc()
        logger.warning("embeddings not looked up", extra={"error": type(error).__name__})
        return {}
    pairs = zip(wanted.fingerprints, found, strict=True)
    return {text: vector for text, vector in pairs if vector is not None}


async def _bought(
    ctx: IngressContext,
    client: Client,
    wanted: _Wanted,
    missing: Sequence[str],
    exchange: Exchange,
    leaving: Leaving,
) -> tuple[str, Vectors | Failed]:
    """Start or join the job that embeds the missing texts, and wait for it."""
    wait_s = ctx.settings.job_deadline_s
    submission = _submission(ctx, client, wanted, missing, exchange.request_id)
    interest = ctx.hub.new_interest()
    submitted = await ctx.jobs.submit(submission, interest=interest, for_ms=lasts_ms(wait_s))
    exchange.log["job_id"] = submitted.job_id
    budgeting.tell(exchange, submission.reservation, submitted)
    check_taken(submission, submitted)
    if submitted.outcome is not None:
        return submitted.job_id, decode_result(submitted.outcome).r
    gone = asyncio.create_task(leaving())
    try:
        data = await ctx.hub.wait(submitted.job_id, wait_s, {ctx.closing, gone})
    finally:
        await cancel([gone])
    if data is None:
        await end_interest(ctx, submitted.job_id, interest)
        raise DeadlineExceeded("The texts were not embedded in time.")
    return submitted.job_id, decode_result(data).r


def _submission(
    ctx: IngressContext, client: Client, wanted: _Wanted, missing: Sequence[str], request_id: str
) -> Submission:
    settings, asked = ctx.settings, wanted.asked
    fingerprints = tuple(wanted.fingerprints[text] for text in missing)
    ttl_s = float(asked.cache.ttl or settings.entry_ttl_s)
    job = EmbedJob(
        model=asked.model,
        texts=tuple(missing),
        fingerprints=fingerprints,
        tenant=client.tenant,
        key_id=client.key_id,
        request_id=request_id,
        dimensions=asked.dimensions or settings.embedder_dimensions,
        ttl_s=ttl_s if wanted.write else None,
        labels=wanted.labels,
        priority=asked.priority,
    )
    together = joint_fingerprint(ctx.fingerprint_secret, (*fingerprints, str(job.ttl_s), str(job.dimensions)))
    return Submission(
        flight_id=together if wanted.read else f"{together}:no-cache",
        fingerprint=together,
        payload=encode_payload(job, int(time.time() * 1000)),
        priority=job.priority,
        deadline_ms=int(settings.job_deadline_s * 1000),
        depth_max=settings.queue_depth_max,
        record={
            "tenant": client.tenant,
            "key_id": client.key_id,
            "model": asked.model,
            "request_id": request_id,
            "metadata": "{}",
            "embeds": "1",
        },
        tenant_window=settings.tenant_window,
        quota=quota_of(ctx, client, None),
        reservation=_reservation(ctx, client, asked.model, missing),
    )


def _reservation(ctx: IngressContext, client: Client, model: str, texts: Sequence[str]) -> Reservation:
    """What to set aside for embedding texts; raises PriceUnknown under a hard budget that it could break."""
    budgets = budgets_of(client, ctx.settings, ctx.budget_watch.own, queues=len(ctx.jobs))
    if not budgets:
        return Reservation()
    price = price_of(ctx.settings.embedder_used, model)
    if price is None and any(budget.hard is not None for budget in budgets):
        raise PriceUnknown(
            f"This key has a hard budget, and the price of {model!r} is not known: "
            "the operator can add it (SENTINEL_PRICES_FILE)."
        )
    tokens = math.ceil(sum(len(text.encode()) for text in texts) / BYTES_PER_TOKEN)
    return Reservation(0 if price is None else price.input * tokens, budgets)
