"""Upstream calls beyond the first: each needs a fault, a failure or a spoiled call that explains it; pure."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tests.chaos.evidence import Call, Evidence, spans

TAIL_S = 1.0
"""How long after its mending a fault may still cost a call: until everybody is connected again."""


class Excuse(Struct, frozen=True):
    """One reason for one further call of a question, and the time in which it counts."""

    reason: str
    begin: float
    end: float


class Unexplained(Struct, frozen=True):
    """A further call without a reason, and the call before it."""

    before: Call
    call: Call


class ExtraCalls(Struct, frozen=True):
    """Further calls over all questions: how many, most for one, by reason, and those without any."""

    total: int
    most: int
    reasons: dict[str, int]
    unexplained: tuple[Unexplained, ...]


def extra_calls(evidence: Evidence) -> ExtraCalls:
    """Hold every further call of every question against what happened since the one before it."""
    by_question: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        by_question[call.question].append(call)
    general = _fault_excuses(evidence)
    failures = _failures(evidence)
    reasons: dict[str, int] = defaultdict(int)
    unexplained: list[Unexplained] = []
    for question, calls in by_question.items():
        own = [*failures.get(question, ()), *_spoiled(calls), *general]
        for pair, excuse in explain(calls, own):
            if excuse is None:
                unexplained.append(pair)
            else:
                reasons[excuse.reason] += 1
    counts = [len(calls) - 1 for calls in by_question.values()]
    return ExtraCalls(sum(counts), max(counts, default=0), dict(reasons), tuple(unexplained))


def explain(calls: Sequence[Call], excuses: Iterable[Excuse]) -> list[tuple[Unexplained, Excuse | None]]:
    """Give each call after the first an excuse of its own, best one that began since the call before."""
    left = list(excuses)
    found: list[tuple[Unexplained, Excuse | None]] = []
    for before, call in itertools.pairwise(calls):
        fitting = [e for e in left if e.begin <= call.arrived_at and e.end >= before.arrived_at]
        best = min(fitting, key=lambda e: (e.begin < before.arrived_at, e.end), default=None)
        if best is not None:
            left.remove(best)
        found.append((Unexplained(before, call), best))
    return found


def _fault_excuses(evidence: Evidence) -> list[Excuse]:
    return [
        Excuse(span.kind, hit.at, span.end + TAIL_S) for span in spans(evidence.events) for hit in span.struck
    ]


def _failures(evidence: Evidence) -> dict[str, list[Excuse]]:
    """A failed job answers nobody who asks later, so that the next flight calls again."""
    found: dict[str, list[Excuse]] = defaultdict(list)
    for job_id, sent in evidence.questions().items():
        end = evidence.final.jobs.get(job_id)
        if end is not None and end.state == "failed" and end.completed_at is not None:
            found[sent.question].append(Excuse("failed job", end.created_at, end.completed_at))
    return found


def _spoiled(calls: Sequence[Call]) -> list[Excuse]:
    return [Excuse("spoiled call", c.arrived_at, c.arrived_at) for c in calls if c.spoiled]
