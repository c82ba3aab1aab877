"""Answers from the question's own entry: a fresh one, or a stale one while it is refreshed or cannot be."""

from collections.abc import Mapping

import msgspec

from ingress.asked import ExactHit, Question
from ingress.context import IngressContext
from ingress.submitting import shared_of
from shared import metrics
from shared.cache import Found
from shared.clients import SHARED_TENANT, Client
from shared.errors import CacheMiss, CircuitOpen, Draining, QueueFull, QueueTooSlow, RedisUnavailable
from shared.freshness import Stage, freshness, stage_of
from shared.providers import sellers_of
from shared.shared_scope import may_serve
from shared.wire.entry import Entry

EXACT_HITS = metrics.cache_hits.labels("exact")
AT_ONCE: Mapping[Stage, str] = {"fresh": "", "revalidate": "revalidate", "accepted": "max_stale"}
"""The stages in which an entry answers at once, and why it does if it is stale."""
PASSING = (CircuitOpen, Draining, QueueFull, QueueTooSlow)
"""Refusals here, before a worker hears of the question, that a stale answer may stand in for."""


def served(ctx: IngressContext, client: Client, entry: Entry, now_ms: int, stale: str) -> ExactHit:
    """Serve an entry; `stale` says why, if it is not fresh."""
    if stale:
        metrics.stale_served.labels(stale).inc()
    else:
        EXACT_HITS.inc()
    ctx.savings.add(client, entry.answer, "stale" if stale else "exact")
    ctx.entry_hits.count(entry.id)
    return ExactHit(entry, freshness(entry, now_ms), stale)


async def everybodys(
    ctx: IngressContext, client: Client, question: Question, identity: str, found: Found, now_ms: int
) -> Entry | None:
    """The fresh answer that all tenants may have, unless this one has purged its own to the question.

    It looks like the tenant's own, by which it can be purged in turn. Raises RedisUnavailable.
    """
    everybodys_identity = shared_of(ctx, question)
    if not everybodys_identity or not question.policy.read:
        return None
    entry = (await ctx.admission.find_shared(everybodys_identity)).entry
    if entry is None or not may_serve(entry, found.purged_ms):
        return None
    if stage_of(entry, SHARED_TENANT, question.policy, ctx.settings, now_ms) != "fresh":
        return None
    return msgspec.structs.replace(entry, id=identity, job_id=f"{identity}.0", tenant=client.tenant)


def nothing(found: Found) -> CacheMiss | RedisUnavailable:
    """What to tell a caller who asked for a stored answer only."""
    if not found.known:
        return RedisUnavailable("The cache is away, and only-if-cached forbids asking the provider.")
    return CacheMiss("No stored answer is good enough, and only-if-cached forbids asking the provider.")


def may_refresh(ctx: IngressContext, question: Question) -> bool:
    """Whether a stale answer may be bought anew for a request: not if it forbids that, or everybody rests."""
    if question.only_if_cached or not question.policy.write or ctx.drain.draining:
        return False
    return ctx.breaker_watch.wait_s(_providers(ctx, question)) is None


def check_readiness(ctx: IngressContext, question: Question, *, has_stale: bool) -> None:
    """Raise Draining, or CircuitOpen when every provider rests and no worker could do better than to say so.

    A worker could still find an answer by meaning; but a stale one of the question's own is at hand.
    """
    if ctx.drain.draining:
        raise Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    providers, policy = _providers(ctx, question), question.policy
    rests_s = ctx.breaker_watch.wait_s(providers)
    if rests_s is None or (policy.read and policy.semantic and not has_stale):
        return
    for name in providers:
        metrics.breaker_refusals.labels(name).inc()
    raise CircuitOpen(
        f"Every provider of {question.completion.model!r} failed too often; the next call is made in "
        f"{max(1.0, rests_s):.0f} s.",
        retry_after_s=max(1.0, rests_s),
    )


def _providers(ctx: IngressContext, question: Question) -> list[str]:
    return [name for name, _ in sellers_of(question.completion.model, ctx.settings)]
