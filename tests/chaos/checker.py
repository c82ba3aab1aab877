"""Holds the evidence of a run against what the product promises; pure."""

from collections import defaultdict
from collections.abc import Callable

from msgspec import Struct

from tests.chaos.evidence import Evidence, is_terminal
from tests.chaos.extra_calls import extra_calls
from tests.chaos.history import Answered, Died, Event, Healed, Hung, Injected, Stumbled, Witnessed
from tests.chaos.questions import permitted_answers

NEVER = frozenset({"internal_error", "unreadable", "job_not_found", "not_found", "invalid_request"})
"""Codes that a correct product answers to none of these callers."""


CONFLICT = 409


class Violation(Struct, frozen=True):
    """A broken promise, and the events that show it."""

    rule: str
    detail: str
    events: tuple[Event, ...] = ()


def check(evidence: Evidence) -> list[Violation]:
    """Apply every rule."""
    return [violation for rule in RULES for violation in rule(evidence)]


def lost(evidence: Evidence) -> list[Violation]:
    """An accepted job has settled by the end (G1)."""
    found = []
    for job_id, told in evidence.accepted().items():
        end = evidence.final.jobs.get(job_id)
        if end is None or not is_terminal(end.state) or not end.digest:
            state = "gone" if end is None else f"{end.state}, outcome {'there' if end.digest else 'gone'}"
            found.append(Violation("lost", f"{job_id} is {state}", (told, *_of_job(evidence, job_id))))
    return found


def stuck(evidence: Evidence) -> list[Violation]:
    """A job of which no caller was told has settled as well."""
    told = evidence.accepted()
    return [
        Violation("stuck", f"{job_id} is {end.state}")
        for job_id, end in evidence.final.jobs.items()
        if job_id not in told and not is_terminal(end.state)
    ]


def changed(evidence: Evidence) -> list[Violation]:
    """What a job's outcome once was it stays, byte for byte (G2)."""
    seen: dict[str, set[str]] = defaultdict(set)
    for event in evidence.events:
        if isinstance(event, Witnessed):
            seen[event.job_id].add(event.digest)
    for job_id, end in evidence.final.jobs.items():
        if job_id in seen:
            seen[job_id].add(end.digest)
    return [
        Violation("double commit", f"{job_id} had {len(digests)} outcomes", _of_job(evidence, job_id))
        for job_id, digests in seen.items()
        if len(digests) > 1
    ]


def disagreeing(evidence: Evidence) -> list[Violation]:
    """Every caller of a job is told the same, whenever and wherever it asks."""
    told: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for answer in evidence.answers():
        if answer.job_id and is_terminal(answer.state):
            told[answer.job_id].add((answer.state, answer.text, answer.code))
    return [
        Violation("answers differ", f"{job_id}: {sorted(views)}", _of_job(evidence, job_id))
        for job_id, views in told.items()
        if len(views) > 1
    ]


def wrong(evidence: Evidence) -> list[Violation]:
    """An answer is the provider's to this question, or to one that means the same."""
    asked, questions = evidence.asked(), evidence.questions()
    found = []
    for answer in evidence.answers():
        request = asked[answer.request]
        sent = request if request.question else questions.get(answer.job_id)
        if answer.text and sent and answer.text not in permitted_answers({sent.question, *sent.twins}):
            found.append(Violation("wrong answer", f"to {sent.question!r}", (sent, answer)))
    return found


def hung(evidence: Evidence) -> list[Violation]:
    """Every request is answered by its deadline (G5)."""
    asked = evidence.asked()
    return [
        Violation("hung", f"request {event.request}", (asked[event.request], event))
        for event in evidence.events
        if isinstance(event, Hung)
    ]


def unexplained_calls(evidence: Evidence) -> list[Violation]:
    """One call a question, and one more for each fault that hit it (G3)."""
    return [
        Violation(
            "unexplained call",
            f"{pair.call.question!r} at {pair.before.arrived_at:.3f} and again at {pair.call.arrived_at:.3f}",
            tuple(
                event
                for job_id, sent in evidence.questions().items()
                if sent.question == pair.call.question
                for event in _of_job(evidence, job_id)
            ),
        )
        for pair in extra_calls(evidence).unexplained
    ]


def surprising(evidence: Evidence) -> list[Violation]:
    """No caller meets an internal error, or is told that its job is unknown."""
    asked = evidence.asked()
    return [
        Violation("surprising answer", f"{answer.status} {answer.code}", (asked[answer.request], answer))
        for answer in evidence.answers()
        if answer.code in NEVER
    ]


def hurt(evidence: Evidence) -> list[Violation]:
    """One caller's leaving is not another's end: whoever still waits is not told that nobody does (G4)."""
    asked = evidence.asked()
    return [
        Violation("hurt by another", f"request {answer.request}", (asked[answer.request], answer))
        for answer in evidence.answers()
        if answer.status == CONFLICT and answer.code == "cancelled"
    ]


def fallen(evidence: Evidence) -> list[Violation]:
    """No process ends by itself, and those asked to stop exit with 0 (G9)."""
    kinds = {event.fault: event for event in evidence.events if isinstance(event, Injected)}
    died = [
        Violation("died", f"{event.process} exited {event.code}", (event,))
        for event in evidence.events
        if isinstance(event, Died)
    ]
    stopped = [
        Violation("stopped badly", f"exit codes {event.codes}", (kinds[event.fault], event))
        for event in evidence.events
        if isinstance(event, Healed) and any(event.codes)
    ]
    return died + stopped


def stumbled(evidence: Evidence) -> list[Violation]:
    """Every fault was injected and mended as planned: else the run shows less than it says."""
    return [
        Violation("driver stumbled", f"{event.kind}: {event.error}", (event,))
        for event in evidence.events
        if isinstance(event, Stumbled)
    ]


def left_over(evidence: Evidence) -> list[Violation]:
    """When all is settled, nothing is queued, leased, owed to the cache or in flight."""
    final = evidence.final
    counts = {
        "jobs in the queue": final.queued,
        "leases": final.leases,
        "commits in the outbox": final.outbox,
        **{f"requests in flight at {name}": count for name, count in final.in_flight.items()},
        **{f"jobs in work at {name}": count for name, count in final.busy.items()},
    }
    return [Violation("left over", f"{count} {what}") for what, count in counts.items() if count]


def unpaid(evidence: Evidence) -> list[Violation]:
    """What is booked is the provider's bill, call by call; what is not is in doubt, and known to be (G11)."""
    return [Violation("ledger differs", difference) for difference in evidence.final.money]


def _of_job(evidence: Evidence, job_id: str) -> tuple[Event, ...]:
    return tuple(
        event
        for event in evidence.events
        if isinstance(event, Answered | Witnessed) and event.job_id == job_id
    )


Rule = Callable[[Evidence], list[Violation]]
RULES: tuple[Rule, ...] = (
    lost,
    stuck,
    changed,
    disagreeing,
    wrong,
    hung,
    unexplained_calls,
    surprising,
    hurt,
    fallen,
    stumbled,
    left_over,
    unpaid,
)
