"""Where an answer came from, as callers see it; pure."""

from typing import Literal

from msgspec import Struct

from shared.wire.outcome import Answer, Verdict


class SourceView(Struct):
    """Whence a stored answer is: the job that bought it, when (Unix seconds), and from whom."""

    job_id: str
    created_at: int
    model: str
    provider: str


class CacheView(Struct):
    """Where the answer came from, and why not from nearer: `similarity` is shown on misses too.

    `ttl` is what is left of the answer's freshness, in seconds. A stale one has less than none, and a
    `reason`: `revalidate`, `max_stale`, or the code of the error that it stands in for.
    """

    status: Literal["hit", "miss", "collapsed", "stale", "bypass"]
    type: Literal["exact", "semantic"] | None = None
    similarity: float | None = None
    threshold: float | None = None
    entry_id: str | None = None
    age: int | None = None
    ttl: int | None = None
    guards: list[Verdict] = []
    reason: str | None = None
    source: SourceView | None = None


def source_of(job_id: str, answer: Answer) -> SourceView:
    """Lay out whence an answer is."""
    return SourceView(
        job_id=job_id,
        created_at=answer.created_at_ms // 1000,
        model=answer.model,
        provider=answer.provider,
    )
