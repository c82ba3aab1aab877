"""What the semantic step found for a question, and which of the proposals that is."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from shared import metrics, tracing
from shared.wire.entry import Entry
from shared.wire.outcome import Embedding, Match
from workers.semantic.judging import Ruling
from workers.semantic.proposing import Proposal

SIMILARITIES = {name: metrics.similarity.labels(name) for name in ("hit", "refused", "far")}


class Looked(Struct, frozen=True, kw_only=True):
    """What the semantic step found; `vector` is None when it was skipped."""

    entry: Entry | None = None
    match: Match | None = None
    stale: tuple[Entry, Match] | None = None
    """The same of one that is not fresh enough: no hit, and better than nothing when the provider fails."""
    proposal: tuple[Entry, Match] | None = None
    """What came nearest to being served, or was: its score alone decided."""
    vector: bytes | None = None
    embed_ms: float = 0.0
    search_ms: float = 0.0
    guards_ms: float = 0.0
    embed_cost: int | None = 0
    embedding: Embedding | None = None


def describe(span: tracing.Span, found: Looked) -> None:
    """Note on a span whether there is a hit, and how near."""
    span.note({"sentinel.hit": found.entry is not None})
    if found.match is not None:
        span.note(
            {"sentinel.similarity": found.match.similarity, "sentinel.threshold": found.match.threshold}
        )


def observe(found: Looked) -> None:
    """Count a search: how long it took, and how near its nearest was."""
    metrics.search_duration.observe((found.search_ms - found.guards_ms) / 1000)
    if found.match is not None:
        near = found.match.similarity >= found.match.threshold
        outcome = "hit" if found.entry is not None else "refused" if near else "far"
        SIMILARITIES[outcome].observe(found.match.similarity)


def matched(proposal: Proposal, ruling: Ruling, policy: str) -> Match:
    """The match with all that was said of it."""
    return msgspec.structs.replace(
        proposal.match,
        guards=ruling.verdicts,
        policy=policy,
        chance=None if ruling.chance is None else round(ruling.chance, 6),
        needed=ruling.needed,
        source=proposal.entry.job_id,
    )


def best(
    told: Sequence[tuple[Entry, Match]], rulings: Sequence[Ruling], *, refused: bool = False
) -> tuple[Entry, Match] | None:
    """The accepted proposal of the highest chance; among equals, or without chances, the nearest.

    With `refused`, those that only their chance stands against count as well.
    """
    eligible = [
        (one, ruling.chance or 0.0)
        for one, ruling in zip(told, rulings, strict=True)
        if ruling.accepted or (refused and ruling.chance is not None and not ruling.vetoed)
    ]
    return max(eligible, key=lambda pair: pair[1])[0] if eligible else None
