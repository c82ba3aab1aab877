"""Buys a stale answer anew, behind the back of whoever is served it: one call, however many are.

Every refresh of one entry is the same flight, on whatever ingress; and each ingress asks for it but once in a
while, so that a hot entry's expiry costs the queue next to nothing.
"""

import msgspec

from ingress.asked import Question
from ingress.context import IngressContext
from ingress.submitting import submission_of
from shared import metrics
from shared.clients import Client
from shared.errors import SentinelError
from shared.submissions import polled_by
from shared.wire.completion import CachePolicy
from shared.wire.entry import Entry


async def refresh(
    ctx: IngressContext, client: Client, question: Question, entry: Entry, request_id: str
) -> None:
    """Submit an entry's refresh, or join it; if a queue or a budget refuses it, a later caller tries again.

    The new answer lives as long as the old one and bears its tags, unless this request says otherwise.
    """
    asked = question.policy
    policy = CachePolicy(
        read=False,
        semantic=question.completion.may_match_by_meaning,
        ttl_s=entry.ttl_s if asked.ttl_s is None else asked.ttl_s,
        namespace=asked.namespace,
        tags=asked.tags or entry.tags,
        refresh=True,
    )
    anew = msgspec.structs.replace(question, policy=policy, priority="batch", metadata={}, streamed=False)
    flight = f"{entry.id}:refresh:{entry.job_id}"
    try:
        submission = submission_of(ctx, client, anew, entry.id, request_id, flight=flight)
        submitted = await ctx.jobs.submit(
            submission, interest=polled_by(client.key_id), for_ms=submission.deadline_ms
        )
    except SentinelError:
        metrics.refreshes.labels("refused").inc()
        return
    result = {"created": "started", "joined": "joined", "landed": "joined"}.get(submitted.verdict, "refused")
    metrics.refreshes.labels(result).inc()
