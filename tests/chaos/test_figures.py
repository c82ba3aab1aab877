"""What a run measured, on paper."""

import pytest

from tests.chaos.evidence import Call, Evidence, Final, JobEnd
from tests.chaos.figures import (
    Overlap,
    Recovery,
    answers_of_a_paused_redis,
    first_successes,
    overlap,
    recoveries,
)
from tests.chaos.history import Answered, Event, Healed, Injected, Sent, Start, Struck
from tests.chaos.page import page

START = Start(seed=1, seconds=10, faults=(), callers=1, workers=2, ingresses=1, unix_offset=0)
ASKED = (
    Sent(at=1, request=1, ingress=0, wait_s=5, question="q"),
    Answered(at=4, request=1, status=200, job_id="f.1", state="completed"),
)
CALLS = (
    Call(question="q", caller="worker-0", arrived_at=1.5, ended_at=2.1, spoiled=False),
    Call(question="q", caller="worker-1", arrived_at=2.8, ended_at=3.2, spoiled=False),
)
KILL = (
    Injected(at=2, fault=1, kind="worker_kill", target="worker-0"),
    Struck(at=2, fault=1, target="worker-0"),
    Healed(at=5, fault=1),
)


def a_run(*events: Event) -> Evidence:
    """One question, called for by a worker that is killed, then by another."""
    jobs = {"f.1": JobEnd(state="completed", created_at=1, completed_at=3.25, digest="d")}
    final = Final(
        stall_s=0, settled_within_s=0, jobs=jobs, queued=0, leases=0, outbox=0, in_flight={}, busy={}
    )
    return Evidence(start=START, events=[*ASKED, *KILL, *events], calls=CALLS, final=final)


def a_fault(kind: str, target: str, begin: float, end: float) -> tuple[Event, ...]:
    """Another fault."""
    return Injected(at=begin, fault=2, kind=kind, target=target), Healed(at=end, fault=2)


@pytest.mark.parametrize(
    ("other", "disturbed"),
    [
        ((), False),
        (a_fault("worker_pause_short", "worker-1", 2.5, 3), True),
        (a_fault("worker_pause_short", "worker-2", 2.5, 3), False),
        (a_fault("provider_500", "provider", 2.5, 3), True),
        (a_fault("redis_kill", "redis", 0.5, 1), True),
        (a_fault("worker_pause_short", "worker-1", 3.5, 4), False),
    ],
)
def test_a_recovery_is_from_the_kill_to_the_outcome(other: tuple[Event, ...], *, disturbed: bool) -> None:
    """And is told apart when something else delayed it."""
    assert recoveries(a_run(*other)) == [Recovery(1.25, disturbed)]


@pytest.mark.parametrize(
    ("other", "disturbed"),
    [
        ((), False),
        (a_fault("link_hole", "ingress-0", 6.5, 9), True),
        (a_fault("link_hole", "worker-0", 6.5, 9), False),
        (a_fault("link_hole", "ingress-0", 1, 6), False),
    ],
)
def test_redis_is_back_when_a_caller_is_served(other: tuple[Event, ...], *, disturbed: bool) -> None:
    """Unless there was no ingress left that could have served one."""
    full = (
        Injected(at=6, fault=9, kind="redis_full", target="redis"),
        Healed(at=7, fault=9, up_at=7),
        Sent(at=6.2, request=2, ingress=0, wait_s=5, question="q"),
        Answered(at=7.5, request=2, status=202),
    )
    assert first_successes(a_run(*full, *other), "redis_full") == [Recovery(0.5, disturbed)]


def test_what_is_asked_of_a_paused_redis_counts_until_its_answer_or_the_end_of_the_pause() -> None:
    """What was asked before it, or after it, does not count."""
    asked = [
        Sent(at=at, request=n, ingress=0, wait_s=5, question="q") for n, at in ((2, 6.1), (3, 7), (4, 9))
    ]
    answered = [Answered(at=at, request=n, status=503) for n, at in ((2, 6.5), (3, 8.75), (4, 9.5))]
    run = a_run(*a_fault("redis_pause", "redis", 6, 8), *asked, *answered)
    assert answers_of_a_paused_redis(run) == pytest.approx([0.4, 1])


def test_overlapping_faults_are_counted() -> None:
    """One that begins while another is not mended."""
    assert overlap(a_run(*a_fault("redis_kill", "redis", 4, 6))) == Overlap(1, 2)
    assert overlap(a_run(*a_fault("redis_kill", "redis", 6, 7))) == Overlap(0, 1)


def test_the_page_says_how_to_run_it_again() -> None:
    """And has a row for each kind and for all."""
    shown = page(a_run(), [])
    assert "`make chaos SEED=1 SECONDS=10 CALLERS=1`" in shown
    assert "| worker_kill | 1 | 1 | 1 | 1.00 |" in shown
    assert "| all | 1 | 1 | 1 | 1.00 |" in shown
