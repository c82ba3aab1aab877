"""A second policy on live traffic: what it would have done, compared and counted, and never served."""

import numpy as np

from shared import metrics
from shared.wire.job import Job
from workers.semantic.found import Looked
from workers.semantic.judging import Judge
from workers.semantic.proposing import Proposer, rule


class ShadowPolicy:
    """Judges the same questions as the live policy, after their callers have been answered."""

    def __init__(self, proposer: Proposer, judge: Judge, *, space: str, threshold: float) -> None:
        """`space` is the embedder's name; `threshold` the cosine from which this policy looks at an entry."""
        self._proposer = proposer
        self._judge = judge
        self._space = space
        self._threshold = threshold

    async def compare(self, job: Job, looked: Looked, now_ms: int) -> None:
        """Count where the two policies differ; raises SearchError, RedisError and RedisUnavailable."""
        if looked.vector is None or not job.policy.read:
            return
        vector = np.frombuffer(looked.vector, dtype=np.float32)
        threshold = max(self._threshold, job.policy.threshold or 0.0)
        partition = f"{job.partition}:{self._space}"
        proposed = await self._proposer.propose(job, partition, vector, threshold, now_ms)
        # What the question itself has just put there was not there when it was asked.
        fresh = [p for p in proposed.fresh if p.entry.id != job.fingerprint]
        rulings = await rule(self._judge, job.completion.question, fresh)
        accepted = [(r.chance or 0.0, p.entry.id) for p, r in zip(fresh, rulings, strict=True) if r.accepted]
        would = max(accepted, key=lambda one: one[0])[1] if accepted else None
        live = None if looked.entry is None else looked.entry.id
        metrics.shadow_policy.labels(self._judge.name, difference(live, would)).inc()

    async def aclose(self) -> None:
        """Stop the second policy's judge."""
        await self._judge.aclose()


def difference(live: str | None, would: str | None) -> str:
    """In one word what differs between the entries that two policies serve, None for none."""
    if live == would:
        return "agree"
    if would is None:
        return "only_live"
    return "only_shadow" if live is None else "other_entry"
