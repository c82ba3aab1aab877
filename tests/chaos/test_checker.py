"""The checker sees what it is for: each promise is broken once, on paper."""

from collections.abc import Sequence

import msgspec
import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import Call, Evidence, Final, JobEnd
from tests.chaos.extra_calls import extra_calls
from tests.chaos.history import (
    Answered,
    Died,
    Event,
    Healed,
    Hung,
    Injected,
    Sent,
    Start,
    Struck,
    Stumbled,
    Witnessed,
)
from tests.chaos.questions import permitted_answers
from tests.chaos.report import report

START = Start(seed=1, seconds=1, faults=(), callers=1, workers=2, ingresses=1, unix_offset=0)
[RIGHT] = permitted_answers({"q"})
ASKED = Sent(at=1, request=1, ingress=0, wait_s=5, question="q")
ANSWER = Answered(at=2, request=1, status=200, job_id="j", state="completed", text=RIGHT)
SEEN = Witnessed(at=2.5, job_id="j", digest="d")
SETTLED = JobEnd(state="completed", created_at=1, completed_at=2, digest="d")
FIRST, SECOND = (
    Call(question="q", caller="worker-0", arrived_at=at, ended_at=at + 2, spoiled=False) for at in (1.5, 3.2)
)
CALM = Final(
    stall_s=0, settled_within_s=0, jobs={"j": SETTLED}, queued=0, leases=0, outbox=0, in_flight={}, busy={}
)


def evidence(
    *events: Event, final: Final = CALM, calls: Sequence[Call] = (FIRST,), answer: Answered = ANSWER
) -> Evidence:
    """One question, answered; and whatever else happened."""
    return Evidence(start=START, events=[ASKED, answer, SEEN, *events], calls=calls, final=final)


def ended(**changes: object) -> Final:
    """The final state in which the job differs."""
    return msgspec.structs.replace(CALM, jobs={"j": msgspec.structs.replace(SETTLED, **changes)})


def test_a_run_without_trouble_breaks_no_promise() -> None:
    """And says how little that proves."""
    found = check(evidence())
    assert found == []
    assert "0 of 1 bounds losses to 300.00%" in report(evidence(), found)


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (evidence(final=msgspec.structs.replace(CALM, jobs={})), "lost"),
        (evidence(final=ended(state="in_progress")), "lost"),
        (evidence(final=ended(digest="other")), "double commit"),
        (evidence(Answered(at=3, request=1, status=200, job_id="j", state="failed")), "answers differ"),
        (evidence(answer=msgspec.structs.replace(ANSWER, text="of another")), "wrong answer"),
        (evidence(Hung(at=20, request=1)), "hung"),
        (evidence(calls=(FIRST, SECOND)), "unexplained call"),
        (evidence(Answered(at=3, request=1, status=404, code="job_not_found")), "surprising answer"),
        (evidence(Answered(at=3, request=1, status=409, code="cancelled")), "hurt by another"),
        (evidence(Died(at=3, process="worker-0", code=1)), "died"),
        (evidence(Stumbled(at=3, fault=1, kind="worker_kill", error="oh")), "driver stumbled"),
        (evidence(final=msgspec.structs.replace(CALM, outbox=1)), "left over"),
        (
            evidence(final=msgspec.structs.replace(CALM, money=("7 booked, 9 billed",))),
            "ledger differs",
        ),
        (evidence(final=msgspec.structs.replace(CALM, in_flight={"ingress-0": -1})), "left over"),
    ],
)
def test_a_broken_promise_is_found_and_shown(broken: Evidence, rule: str) -> None:
    """Each by its own rule alone, with the lines that show it."""
    found = check(broken)
    assert {violation.rule for violation in found} == {rule}
    assert f"{rule}: " in report(broken, found)


def test_a_job_that_nobody_was_told_of_must_settle_too() -> None:
    """Its caller lost the connection before the id came."""
    jobs = {"j": SETTLED, "unheard": JobEnd(state="queued", created_at=1, completed_at=None, digest="")}
    [found] = check(evidence(final=msgspec.structs.replace(CALM, jobs=jobs)))
    assert found.rule == "stuck"


def test_a_planned_stop_must_exit_with_0() -> None:
    """The fault says how its processes ended."""
    stop = Injected(at=3, fault=0, kind="worker_term", target="worker-0")
    [found] = check(evidence(stop, Healed(at=4, fault=0, codes=(0, 1))))
    assert found.rule == "stopped badly"


KILL = (
    Injected(at=3, fault=0, kind="worker_kill", target="worker-0"),
    Struck(at=3, fault=0, target="worker-0"),
    Healed(at=4, fault=0),
)
OF_OTHER = msgspec.structs.replace(SECOND, caller="worker-1")


def test_a_strike_explains_one_further_call_of_each_question_of_whom_it_struck() -> None:
    """Two more calls need two strikes; a fault long over, or of another worker, explains nothing."""
    third = msgspec.structs.replace(SECOND, arrived_at=4.5)
    twice = (*KILL, Struck(at=3.5, fault=0, target="worker-1"))
    late = tuple(msgspec.structs.replace(call, arrived_at=call.arrived_at + 100) for call in (FIRST, SECOND))
    not_struck = msgspec.structs.replace(FIRST, caller="worker-1")
    assert check(evidence(*KILL, calls=(FIRST, OF_OTHER))) == []
    assert [v.rule for v in check(evidence(*KILL, calls=(FIRST, SECOND, third)))] == ["unexplained call"]
    assert check(evidence(*twice, calls=(FIRST, OF_OTHER, third))) == []
    assert [v.rule for v in check(evidence(*KILL, calls=late))] == ["unexplained call"]
    assert [v.rule for v in check(evidence(*KILL, calls=(not_struck, SECOND)))] == ["unexplained call"]


def test_a_call_leaves_an_excuse_to_another_that_has_no_other() -> None:
    """The first call was spoiled and struck; the second was struck by the same, and by nothing else."""
    spoiled = msgspec.structs.replace(FIRST, spoiled=True)
    third = msgspec.structs.replace(SECOND, arrived_at=4.5)
    assert check(evidence(*KILL, calls=(spoiled, SECOND, third))) == []


def test_a_strike_on_redis_explains_a_further_call_of_anybodys() -> None:
    """Whatever any worker has in work may be hit with it."""
    strike = msgspec.structs.replace(KILL[1], target="redis")
    assert check(evidence(KILL[0], strike, KILL[2], calls=(FIRST, OF_OTHER))) == []


def test_a_cost_is_counted_per_question_that_a_strike_hit() -> None:
    """Those that got away count as well, but not what others were calling for or what had ended."""
    others = [
        Call(question=question, caller=caller, arrived_at=at, ended_at=ends, spoiled=False)
        for question, caller, at, ends in (
            ("got away", "worker-0", 2.0, 3.5),
            ("had ended", "worker-0", 2.0, 2.9),
            ("of another", "worker-1", 2.0, 3.5),
        )
    ]
    cost = extra_calls(evidence(*KILL, calls=(FIRST, OF_OTHER, *others))).cost
    assert (cost.hits, cost.extra, cost.most, cost.mean()) == (
        {"worker_kill": 2}, {"worker_kill": 1}, 1, 0.5,
    )  # fmt: skip


def test_a_spoiled_call_explains_the_next_one() -> None:
    """The provider answered badly, so that somebody asked again."""
    spoiled = msgspec.structs.replace(FIRST, spoiled=True)
    assert check(evidence(calls=(spoiled, SECOND))) == []
