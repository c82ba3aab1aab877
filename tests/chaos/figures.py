"""What a run measured beside the promises: recoveries, answers of a paused Redis, overlap; pure."""

import bisect
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from tests.chaos.evidence import Call, Evidence, Span, spans
from tests.chaos.extra_calls import REDIS
from tests.chaos.faults.poison import MARK
from tests.chaos.history import Answered, Broken, Healed, Hung, Sent

PROVIDER = "provider"
SUCCESSES = frozenset({200, 202})
REDIS_TAIL_S = 3.0
"""After trouble with Redis everybody is given two seconds to connect before anybody is taken for dead."""


class Recovery(Struct, frozen=True):
    """From a fault, or from its end, until something worked again, in seconds.

    `disturbed` when other faults hit whoever would have made it work.
    """

    took_s: float
    disturbed: bool


class Overlap(Struct, frozen=True):
    """How many faults began while another was not mended yet, and the most at once."""

    overlapping: int
    most: int


def recoveries(evidence: Evidence) -> list[Recovery]:
    """Every question under way at every worker_kill, until its job had settled; quickest first.

    Another fault disturbs that hits Redis, the provider, or who takes the job over, before it has.
    """
    calls: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        calls[call.question].append(call)
    jobs_of, all_spans = evidence.asked_again(), spans(evidence.events)
    found = []
    for kill in (span for span in all_spans if span.kind == "worker_kill"):
        for question, own in calls.items():
            if not any(c.caller == kill.target and c.arrived_at <= kill.begin < c.ended_at for c in own):
                continue
            done = _settled_at(evidence, jobs_of.get(question, ()), kill.begin)
            if done is not None:
                others = [span for span in all_spans if span.fault != kill.fault]
                takers = {c.caller for c in own if kill.begin < c.arrived_at <= done}
                disturbed = _disturbed(others, kill.begin, done, takers)
                found.append(Recovery(done - kill.begin, disturbed))
    return sorted(found, key=lambda recovery: recovery.took_s)


def first_successes(evidence: Evidence, kind: str) -> list[Recovery]:
    """From Redis's first reply after each fault of a kind to the first success of any caller; quickest first.

    Other faults disturb that leave no ingress alone meanwhile, so that nobody could have had an answer.
    """
    asked = evidence.asked()
    successes = [
        answer.at
        for answer in evidence.answers()
        if answer.status in SUCCESSES and asked[answer.request].question
    ]
    all_spans = spans(evidence.events)
    numbers = {span.fault for span in all_spans if span.kind == kind}
    found = []
    for event in evidence.events:
        if isinstance(event, Healed) and event.fault in numbers and event.up_at is not None:
            after = bisect.bisect_right(successes, event.up_at)
            done = successes[after] if after < len(successes) else float("inf")
            struck = {span.target for span in all_spans if span.begin < done and span.end > event.up_at}
            free = {f"ingress-{number}" for number in range(evidence.start.ingresses)} - struck
            found.append(Recovery(done - event.up_at, disturbed=not free))
    return sorted(found, key=lambda recovery: recovery.took_s)


def answers_of_a_paused_redis(evidence: Evidence) -> list[float]:
    """Seconds that each request went unanswered that was sent while Redis was paused, shortest first.

    One that was open when Redis went on counts up to then.
    """
    pauses = [span for span in spans(evidence.events) if span.kind == "redis_pause"]
    done = {e.request: e.at for e in evidence.events if isinstance(e, Answered | Broken | Hung)}
    waits = []
    for sent in evidence.asked().values():
        pause = _around(pauses, sent)
        if pause is not None:
            waits.append(min(done.get(sent.request, pause.end), pause.end) - sent.at)
    return sorted(waits)


def overlap(evidence: Evidence) -> Overlap:
    """Count faults that began while another lasted."""
    changes = sorted(
        change for span in spans(evidence.events) for change in ((span.begin, 1), (span.end, -1))
    )
    active = most = overlapping = 0
    for _, change in changes:
        overlapping += change == 1 and active > 0
        active += change
        most = max(most, active)
    return Overlap(overlapping, most)


def innocent(evidence: Evidence) -> list[str]:
    """Jobs that were given up because workers died with them, though it was not they that killed."""
    questions = evidence.questions()
    given_up = {answer.job_id for answer in evidence.answers() if answer.code == "tries_exhausted"}
    return [j for j in sorted(given_up) if j in questions and MARK not in questions[j].question]


def _settled_at(evidence: Evidence, job_ids: Iterable[str], at: float) -> float | None:
    ends = (evidence.final.jobs[job_id] for job_id in job_ids)
    return next(
        (e.completed_at for e in ends if e.completed_at is not None and e.created_at <= at < e.completed_at),
        None,
    )


def _disturbed(others: Sequence[Span], begin: float, end: float, takers: set[str]) -> bool:
    for span in others:
        struck = {hit.target for hit in span.struck} | {span.target}
        tail = REDIS_TAIL_S if REDIS in struck else 0.0
        if span.begin < end and span.end + tail > begin and struck & {REDIS, PROVIDER, *takers}:
            return True
    return False


def _around(pauses: Sequence[Span], sent: Sent) -> Span | None:
    return next((span for span in pauses if span.begin < sent.at < span.end), None)
