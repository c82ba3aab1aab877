"""Upstream calls beyond the first: each needs a fault that struck its holder, or a spoiled call; pure."""

import bisect
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from tests.chaos.evidence import Call, Evidence, spans

TAIL_S = 1.0
"""How long after its mending a fault may still cost a call: until everybody is connected again."""
LONGEST_CALL_S = 30.0
"""Longer than the provider's deadline: no call was under way for so long."""
REDIS = "redis"
UNANSWERED = frozenset({"failed", "cancelled"})


class Excuse(Struct, frozen=True):
    """One reason for one further call of a question, and the time in which it counts.

    `target` is whose calls it excuses, anybody's when empty;
    `strike` numbers the strikes of a run, and is -1 for what is no fault.
    """

    reason: str
    begin: float
    end: float
    target: str = ""
    strike: int = -1


class Unexplained(Struct, frozen=True):
    """A further call without a reason, and the call before it."""

    before: Call
    call: Call


class Cost(Struct, frozen=True):
    """What faults cost the questions that they hit.

    A question is hit by a strike when a call of it by the struck worker (by anybody, for Redis) was under way
    at that moment, or when it had to be called again because of it. `hits` and `extra` are by kind of fault;
    `most` is for one question and one strike.
    """

    hits: Mapping[str, int]
    extra: Mapping[str, int]
    most: int

    def mean(self, kind: str | None = None) -> float:
        """Further calls per question hit, of one kind or of all."""
        hits = sum(self.hits.values()) if kind is None else self.hits.get(kind, 0)
        extra = sum(self.extra.values()) if kind is None else self.extra.get(kind, 0)
        return extra / hits if hits else 0.0


class ExtraCalls(Struct, frozen=True):
    """Further calls over all questions: how many, by reason, what faults cost, and those without a reason."""

    total: int
    reasons: Mapping[str, int]
    cost: Cost
    unexplained: tuple[Unexplained, ...]


def extra_calls(evidence: Evidence) -> ExtraCalls:
    """Hold every further call of every question against what happened since the one before it."""
    by_question: dict[str, list[Call]] = defaultdict(list)
    for call in evidence.calls:
        by_question[call.question].append(call)
    strikes = _strikes(evidence)
    failures = _failures(evidence)
    reasons: Counter[str] = Counter()
    charged: Counter[tuple[int, str]] = Counter()
    unexplained: list[Unexplained] = []
    for question, calls in by_question.items():
        if len(calls) == 1:
            continue
        own = [*failures.get(question, ()), *_spoiled(calls), *strikes]
        for pair, excuse in explain(calls, own):
            if excuse is None:
                unexplained.append(pair)
                continue
            reasons[excuse.reason] += 1
            if excuse.target:
                charged[excuse.strike, question] += 1
    cost = _cost(strikes, evidence.calls, charged)
    return ExtraCalls(sum(reasons.values()) + len(unexplained), reasons, cost, tuple(unexplained))


def explain(calls: Sequence[Call], excuses: Iterable[Excuse]) -> list[tuple[Unexplained, Excuse | None]]:
    """Give each call after the first an excuse of its own, best the one that hit the call before it.

    As many calls as can be have one: a call gives its excuse up for another that fits it as well (Kuhn, "The
    Hungarian method for the assignment problem", 1955: augmenting paths).
    """
    pairs, all_excuses = list(itertools.pairwise(calls)), list(excuses)
    taken: dict[int, int] = {}

    def place(pair: int, tried: set[int]) -> bool:
        before, call = pairs[pair]
        fitting = [n for n, e in enumerate(all_excuses) if n not in tried and _fits(e, before, call)]
        fitting.sort(key=lambda n: (n in taken, _distance(all_excuses[n], before)))
        for number in fitting:
            tried.add(number)
            if number not in taken or place(taken[number], tried):
                taken[number] = pair
                return True
        return False

    for pair in range(len(pairs)):
        place(pair, set())
    excuse_of = {pair: all_excuses[number] for number, pair in taken.items()}
    return [(Unexplained(*calls), excuse_of.get(pair)) for pair, calls in enumerate(pairs)]


def _fits(excuse: Excuse, before: Call, call: Call) -> bool:
    in_time = excuse.begin < call.arrived_at and excuse.end >= before.arrived_at
    return in_time and excuse.target in {"", REDIS, before.caller}


def _distance(excuse: Excuse, before: Call) -> tuple[int, float]:
    """How far what an excuse tells of is from a call: first what began during it, the last of that."""
    if excuse.begin > before.ended_at:
        return (1, excuse.begin)
    return (0 if excuse.begin >= before.arrived_at else 2, -excuse.begin)


def _strikes(evidence: Evidence) -> list[Excuse]:
    hits = [(span, hit) for span in spans(evidence.events) for hit in span.struck]
    return [
        Excuse(span.kind, hit.at, span.end + TAIL_S, hit.target, number)
        for number, (span, hit) in enumerate(hits)
    ]


def _failures(evidence: Evidence) -> dict[str, list[Excuse]]:
    """A job without an answer has none for those who ask later, so that the next flight calls again."""
    found: dict[str, list[Excuse]] = defaultdict(list)
    for question, job_ids in evidence.asked_again().items():
        for end in (evidence.final.jobs[job_id] for job_id in job_ids):
            if end.state in UNANSWERED and end.completed_at is not None:
                found[question].append(Excuse(f"{end.state} job", end.created_at, end.completed_at))
    return found


def _spoiled(calls: Sequence[Call]) -> list[Excuse]:
    return [Excuse("spoiled call", c.arrived_at, c.arrived_at) for c in calls if c.spoiled]


def _cost(strikes: Sequence[Excuse], calls: Sequence[Call], charged: Counter[tuple[int, str]]) -> Cost:
    hit = set(charged)
    in_order = sorted(calls, key=_arrival)
    for strike in strikes:
        first = bisect.bisect_left(in_order, strike.begin - LONGEST_CALL_S, key=_arrival)
        last = bisect.bisect_right(in_order, strike.begin, key=_arrival)
        # A call that the strike itself ended has its end noted a moment later.
        hit |= {
            (strike.strike, call.question)
            for call in in_order[first:last]
            if strike.begin < call.ended_at and strike.target in {REDIS, call.caller}
        }
    reason = {strike.strike: strike.reason for strike in strikes}
    extra: Counter[str] = Counter()
    for (number, _), count in charged.items():
        extra[reason[number]] += count
    return Cost(Counter(reason[number] for number, _ in hit), extra, max(charged.values(), default=0))


def _arrival(call: Call) -> float:
    return call.arrived_at
