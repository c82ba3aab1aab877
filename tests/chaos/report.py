"""A run in figures: what was asked, what was broken, what it cost; pure."""

from collections import Counter
from collections.abc import Sequence

from tests.chaos.checker import Violation
from tests.chaos.evidence import Evidence, spans
from tests.chaos.extra_calls import Cost, extra_calls
from tests.chaos.figures import (
    SUCCESSES,
    Recovery,
    answers_of_a_paused_redis,
    first_successes,
    innocent,
    overlap,
    recoveries,
)
from tests.chaos.history import Broken, Sent, line_of

LINES_SHOWN = 12
SHOWN_OF_A_RULE = 5
KINDS_HEAD = ("kind of fault", "faults", "questions hit", "called again", "mean")

Row = tuple[str, str]


def report(evidence: Evidence, violations: Sequence[Violation]) -> str:
    """Lay out figures, kinds, the bound, and what was broken: at most five of a kind, with their lines."""
    rows = figures(evidence, violations)
    width = max(len(name) for name, _ in rows)
    table = [f"{name:{width}}  {value}" for name, value in rows]
    kinds = ["{:20} {:>7} {:>14} {:>13} {:>6}".format(*row) for row in (KINDS_HEAD, *by_kind(evidence))]
    return "\n".join([*table, "", *kinds, "", *verdict(evidence, violations)])


def figures(evidence: Evidence, violations: Sequence[Violation]) -> list[Row]:
    """Every figure that is not by kind of fault."""
    return [*_load(evidence), *_promises(evidence, violations), *_calls(evidence), *_times(evidence)]


def by_kind(evidence: Evidence) -> list[tuple[str, ...]]:
    """For each kind: faults, questions that they hit, those called again for it, and the mean of that."""
    kinds = Counter(span.kind for span in spans(evidence.events))
    cost = extra_calls(evidence).cost
    return [_kind_row(kind, str(count), cost, kind) for kind, count in sorted(kinds.items())] + [
        _kind_row("all", str(kinds.total()), cost, None)
    ]


def verdict(evidence: Evidence, violations: Sequence[Violation]) -> list[str]:
    """Say what was broken, or what nothing broken proves."""
    count = len(evidence.accepted())
    if not violations:
        bound = f"{3 / count:.2%} of accepted jobs" if count else "nothing"
        return [f"No promise was broken. At 95 % confidence, 0 of {count} bounds losses to {bound} (3/n)."]
    rules = Counter(violation.rule for violation in violations)
    shown: Counter[str] = Counter()
    lines = [f"{len(violations)} times a promise was broken: {_counted(rules)}"]
    for violation in violations:
        shown[violation.rule] += 1
        if shown[violation.rule] <= SHOWN_OF_A_RULE:
            lines.append(f"{violation.rule}: {violation.detail}")
            lines += [f"    {line_of(event).decode()}" for event in violation.events[:LINES_SHOWN]]
    return lines


def _kind_row(name: str, count: str, cost: Cost, kind: str | None) -> tuple[str, ...]:
    hits = cost.hits.values() if kind is None else [cost.hits.get(kind, 0)]
    extra = cost.extra.values() if kind is None else [cost.extra.get(kind, 0)]
    mean = f"{cost.mean(kind):.2f}" if sum(hits) else "-"
    return (name, count, str(sum(hits)), str(sum(extra)), mean)


def _load(evidence: Evidence) -> list[Row]:
    sent = [event for event in evidence.events if isinstance(event, Sent)]
    statuses = Counter(answer.status for answer in evidence.answers())
    refusals = Counter(a.code for a in evidence.answers() if a.status not in SUCCESSES)
    broken = sum(isinstance(event, Broken) for event in evidence.events)
    start = evidence.start
    return [
        ("seed, seconds", f"{start.seed}, {start.seconds:g}"),
        ("callers, ingresses, workers", f"{start.callers}, {start.ingresses}, {start.workers}"),
        ("requests", f"{len(sent)}: {_counted(statuses)}, connection lost {broken}"),
        ("refusals and failures", _counted(refusals) or "none"),
    ]


def _promises(evidence: Evidence, violations: Sequence[Violation]) -> list[Row]:
    accepted = evidence.accepted()
    ends = [evidence.final.jobs[job_id].state for job_id in accepted if job_id in evidence.final.jobs]
    broken = Counter(violation.rule for violation in violations)
    return [
        ("accepted jobs", f"{len(accepted)}: {_counted(Counter(ends))}"),
        ("given up, not poisoned", str(len(innocent(evidence)))),
        ("lost", str(broken["lost"] + broken["stuck"])),
        ("double commits", str(broken["double commit"] + broken["answers differ"])),
        ("hung", str(broken["hung"])),
        ("driver's longest stall", f"{evidence.final.stall_s:.2f} s"),
        ("settled after the load", f"within {evidence.final.settled_within_s:.1f} s"),
    ]


def _calls(evidence: Evidence) -> list[Row]:
    extra = extra_calls(evidence)
    struck = sum(len(span.struck) for span in spans(evidence.events))
    by_faults = sum(extra.cost.extra.values())
    return [
        ("upstream calls", str(len(evidence.calls))),
        ("further calls of a question", f"{extra.total}: {_counted(Counter(extra.reasons)) or 'none'}"),
        ("  per question and fault, mean", f"{extra.cost.mean():.2f}"),
        ("  per question and fault, max", str(extra.cost.most)),
        ("  per struck worker or Redis", f"{by_faults / struck:.2f}" if struck else "none was struck"),
        ("  unexplained", str(len(extra.unexplained))),
    ]


def _times(evidence: Evidence) -> list[Row]:
    found, lanes = recoveries(evidence), overlap(evidence)
    kinds = Counter(span.kind for span in spans(evidence.events))
    paused = answers_of_a_paused_redis(evidence)
    return [
        (
            "faults",
            f"{kinds.total()} of {len(kinds)} kinds, {kinds.total() / evidence.start.seconds:.2f} a s",
        ),
        ("  began while another lasted", f"{lanes.overlapping}, at most {lanes.most} at once"),
        *_recovered("worker kill to settled", found),
        *(
            row
            for kind in ("redis_kill", "redis_pause", "redis_full", "redis_readonly")
            if kinds[kind]
            for row in _recovered(f"{kind} over to first success", first_successes(evidence, kind))
        ),
        ("paused Redis, longest answer", f"{paused[-1]:.2f} s, n {len(paused)}" if paused else "none"),
    ]


def _counted(counts: "Counter[str] | Counter[int]") -> str:
    return ", ".join(f"{name or 'no code'} {count}" for name, count in sorted(counts.items(), key=str))


def _recovered(name: str, found: Sequence[Recovery]) -> list[Row]:
    return [
        (name, _percentiles([recovery.took_s for recovery in found if not recovery.disturbed])),
        ("  also when hit by others", _percentiles([recovery.took_s for recovery in found])),
    ]


def _percentiles(sorted_s: Sequence[float]) -> str:
    if not sorted_s:
        return "none"
    p50, p99 = (sorted_s[min(len(sorted_s) - 1, int(len(sorted_s) * share))] for share in (0.5, 0.99))
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s, n {len(sorted_s)}"
