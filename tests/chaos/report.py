"""A run in figures: what was asked, what was broken, what it cost; pure."""

from collections import Counter
from collections.abc import Sequence

from tests.chaos.checker import Violation
from tests.chaos.evidence import Evidence, spans
from tests.chaos.extra_calls import extra_calls
from tests.chaos.faults.poison import MARK
from tests.chaos.history import Broken, Healed, Injected, Sent, line_of

LINES_SHOWN = 12
SHOWN_OF_A_RULE = 5
SUCCESSES = frozenset({200, 202})


def report(evidence: Evidence, violations: Sequence[Violation]) -> str:
    """Lay out the table, the bound, and what was broken: at most five of a kind, with their lines."""
    rows = [*_load(evidence), *_promises(evidence, violations), *_calls(evidence), *_faults(evidence)]
    width = max(len(name) for name, _ in rows)
    table = [f"{name:{width}}  {value}" for name, value in rows]
    return "\n".join([*table, "", *_verdict(evidence, violations)])


def recoveries(evidence: Evidence) -> list[float]:
    """Seconds from each worker's kill to the settling of each job that it held."""
    jobs = evidence.final.jobs
    settled = [
        (jobs[job_id].completed_at, event.at)
        for event in evidence.events
        if isinstance(event, Injected) and event.kind == "worker_kill"
        for job_id in event.held
        if job_id in jobs
    ]
    return sorted(done - at for done, at in settled if done is not None)


def first_successes(evidence: Evidence, kind: str) -> list[float]:
    """Seconds from Redis's first reply after each fault of a kind to the first success of any caller."""
    asked = evidence.asked()
    successes = [
        answer.at
        for answer in evidence.answers()
        if answer.status in SUCCESSES and asked[answer.request].question
    ]
    numbers = {span.fault for span in spans(evidence.events) if span.kind == kind}
    ups = [e.up_at for e in evidence.events if isinstance(e, Healed) and e.fault in numbers]
    return sorted(
        next((at - up for at in successes if at > up), float("inf")) for up in ups if up is not None
    )


def innocent(evidence: Evidence) -> list[str]:
    """Jobs that were given up because workers died with them, though it was not they that killed."""
    questions = evidence.questions()
    given_up = {answer.job_id for answer in evidence.answers() if answer.code == "tries_exhausted"}
    return [j for j in sorted(given_up) if j in questions and MARK not in questions[j].question]


def _load(evidence: Evidence) -> list[tuple[str, str]]:
    sent = [event for event in evidence.events if isinstance(event, Sent)]
    statuses = Counter(answer.status for answer in evidence.answers())
    refusals = Counter(a.code for a in evidence.answers() if a.status not in SUCCESSES)
    broken = sum(isinstance(event, Broken) for event in evidence.events)
    start = evidence.start
    return [
        ("seed, seconds, callers", f"{start.seed}, {start.seconds:g}, {start.callers}"),
        ("requests", f"{len(sent)}: {_counted(statuses)}, connection lost {broken}"),
        ("refusals and failures", _counted(refusals) or "none"),
    ]


def _promises(evidence: Evidence, violations: Sequence[Violation]) -> list[tuple[str, str]]:
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


def _calls(evidence: Evidence) -> list[tuple[str, str]]:
    extra = extra_calls(evidence)
    struck = sum(len(span.struck) for span in spans(evidence.events))
    by_faults = extra.total - extra.reasons.get("failed job", 0) - extra.reasons.get("spoiled call", 0)
    return [
        ("upstream calls", str(len(evidence.calls))),
        ("further calls of a question", f"{extra.total}: {_counted(Counter(extra.reasons)) or 'none'}"),
        ("  most for one question", str(extra.most)),
        ("  per struck worker or Redis", f"{by_faults / struck:.2f}" if struck else "none was struck"),
        ("  unexplained", str(len(extra.unexplained))),
    ]


def _faults(evidence: Evidence) -> list[tuple[str, str]]:
    kinds = Counter(span.kind for span in spans(evidence.events))
    return [
        ("faults", f"{kinds.total()}: {_counted(kinds)}"),
        ("worker kill to settled", _percentiles(recoveries(evidence))),
        *(
            (f"{kind} over to first success", _percentiles(first_successes(evidence, kind)))
            for kind in ("redis_kill", "redis_pause", "redis_full", "redis_readonly")
            if kinds[kind]
        ),
    ]


def _verdict(evidence: Evidence, violations: Sequence[Violation]) -> list[str]:
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


def _counted(counts: "Counter[str] | Counter[int]") -> str:
    return ", ".join(f"{name or 'no code'} {count}" for name, count in sorted(counts.items(), key=str))


def _percentiles(sorted_s: Sequence[float]) -> str:
    if not sorted_s:
        return "none"
    p50, p99 = (sorted_s[min(len(sorted_s) - 1, int(len(sorted_s) * share))] for share in (0.5, 0.99))
    return f"p50 {p50:.2f} s, p99 {p99:.2f} s, n {len(sorted_s)}"
