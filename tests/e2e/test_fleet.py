"""A fleet that loses nothing: cancelled, killed, paused and crowded jobs, with real processes."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import ADMIN_KEY, ROOT, USER_KEY, Stack, running, wait_until

SLOW = 60_000
LONG_LEASE = "60"
"""Seconds; no lease ends within a test: what recovers, recovers by other means."""


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """One ingress, one worker, and leases that outlive the tests."""
    with running(tmp_path_factory.mktemp("fleet"), SENTINEL_LEASE_S=LONG_LEASE) as stack:
        yield stack


@pytest.fixture
def lone(patient: Stack) -> Stack:
    """The same with an empty call log and no script."""
    patient.forget()
    return patient


def submit(client: httpx.Client, question: str, **body: Any) -> str:
    """Ask without waiting; returns the job's address."""
    accepted = client.post(
        "/v1/query", json={"prompt": question, **body}, headers={"Prefer": "respond-async"}
    )
    assert accepted.status_code == 202, accepted.text
    return str(accepted.headers["location"])


def calls_ended(stack: Stack, count: int) -> None:
    """Return once so many upstream calls have ended, answered or cut off."""
    query = {"finished": count, "wait_s": 20}
    found = httpx.get(f"{stack.simulator}/_simulator/calls/count", params=query, timeout=30).json()
    assert found["reached"], found


def test_a_cancelled_job_stops_its_call_and_stays_cancelled(lone: Stack) -> None:
    """The upstream sees the connection close; cancelling again says the same."""
    lone.script({"match": {"contains": "slow"}, "latency_ms": SLOW})
    with lone.client() as client:
        location = submit(client, "slow")
        lone.wait_for_calls(1)
        cancelled = client.post(f"{location}/cancel")
        calls_ended(lone, 1)
        again = client.post(f"{location}/cancel")
        read = client.get(location).json()
        assert cancelled.status_code == again.status_code == 200
        assert cancelled.json()["status"] == again.json()["status"] == read["status"] == "cancelled"
        assert read["doubts"] == 1, "the provider may have billed what was cut off"
        assert read["error"]["code"] == "cancelled"
        assert [call["completed"] for call in lone.calls()] == [False]
        done = client.post("/v1/query", json={"prompt": "quick"}).json()
        late = client.post(f"/v1/jobs/{done['id']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "already_settled")


def test_who_cancels_need_not_stop_waiting_first(lone: Stack) -> None:
    """A key's own long poll or event stream does not hold its job; it is told at once that it is over."""
    lone.script({"latency_ms": SLOW})
    with lone.client() as client, lone.client() as waiter, ThreadPoolExecutor() as threads:
        location = submit(client, "polled")
        lone.wait_for_calls(1)
        polled = threads.submit(waiter.get, location, params={"wait": 50})
        wait_until(lambda: client.get("/readyz?verbose").json()["in_flight"] == 2, "the poll is under way")
        client.post(f"{location}/cancel")
        assert polled.result().json()["status"] == "cancelled"
        events = {"Accept": "text/event-stream"}
        with waiter.stream("POST", "/v1/query", json={"prompt": "streamed"}, headers=events) as stream:
            lines = stream.iter_lines()
            told = next(line for line in lines if "job_id" in line)
            job = json.loads(told.removeprefix("data: "))["job_id"]
            lone.wait_for_calls(2)
            assert client.post(f"/v1/jobs/{job}/cancel").json()["status"] == "cancelled"
            assert "event: cancelled" in list(lines)
    calls_ended(lone, 2)


def test_a_queued_job_that_is_cancelled_is_never_started(lone: Stack) -> None:
    """It was dropped before a worker came to it."""
    [worker] = lone.named("worker")
    worker.popen.send_signal(signal.SIGSTOP)
    with lone.client() as client:
        location = submit(client, "never")
        assert client.post(f"{location}/cancel").json()["status"] == "cancelled"
        worker.popen.send_signal(signal.SIGCONT)
        assert client.post("/v1/query", json={"prompt": "after"}).status_code == 200
    assert [call["question"] for call in lone.calls()] == ["after"]


def test_the_last_caller_to_hang_up_stops_the_call_and_an_earlier_one_does_not(lone: Stack) -> None:
    """One caller's leaving never hurts another's answer."""
    lone.script({"match": {"contains": "shared"}, "latency_ms": 1_500}, {"match": {}, "latency_ms": SLOW})
    with lone.client() as leaver, lone.client() as client:
        location = submit(client, "shared")
        with pytest.raises(httpx.ReadTimeout):
            leaver.post("/v1/query", json={"prompt": "shared"}, timeout=0.5)
        assert client.get(location, params={"wait": 20}).json()["status"] == "completed"
        with pytest.raises(httpx.ReadTimeout):
            leaver.post("/v1/query", json={"prompt": "alone"}, timeout=0.5)
        calls_ended(lone, 2)
    assert [(c["question"], c["completed"]) for c in lone.calls()] == [("shared", True), ("alone", False)]


def test_only_the_jobs_own_tenant_can_cancel_it(lone: Stack) -> None:
    """Another tenant's job is as unknown as one that never was; an admin of the tenant is its tenant."""
    lone.script({"match": {"contains": "mine"}, "latency_ms": SLOW})
    with lone.client() as mine, lone.client(key="other-key-for-tests") as theirs:
        location = submit(mine, "mine")
        lone.wait_for_calls(1)
        assert theirs.post(f"{location}/cancel").status_code == 404
        admin = {"X-API-Key": ADMIN_KEY}
        assert mine.post(f"{location}/cancel", headers=admin).json()["status"] in {"queued", "in_progress"}
        assert mine.post(f"{location}/cancel").json()["status"] == "cancelled"
    calls_ended(lone, 1)


def test_a_killed_workers_jobs_are_taken_over_long_before_their_leases_end(lone: Stack) -> None:
    """Its connections are gone: within two looks its jobs are another's (G3: one more call, and a doubt)."""
    lone.script({"match": {"contains": "orphan"}, "latency_ms": SLOW, "times": 1})
    [holder] = lone.named("worker")
    with lone.client() as client:
        location = submit(client, "orphan")
        lone.wait_for_calls(1)
        lone.add_worker()
        wait_until(lambda: _workers(lone) == 2, "both are known")
        holder.popen.kill()
        settled = client.get(location, params={"wait": 20}).json()
    assert settled["status"] == "completed"
    assert (settled["attempts"], settled["doubts"]) == (2, 1)
    assert len(lone.calls()) == 2


def test_a_worker_that_slept_through_its_lease_settles_nothing(tmp_path: Path, local_model: Path) -> None:
    """Another has answered; the sleeper's answer is refused by the fence (G2)."""
    with running(tmp_path, SENTINEL_LEASE_S="0.6") as stack:
        stack.script({"match": {"contains": "sleeper"}, "latency_ms": 2_500, "times": 1})
        [sleeper] = stack.named("worker")
        with stack.client() as client:
            location = submit(client, "sleeper")
            stack.wait_for_calls(1)
            sleeper.popen.send_signal(signal.SIGSTOP)
            stack.add_worker()
            settled = client.get(location, params={"wait": 20})
            calls_ended(stack, 2)
            sleeper.popen.send_signal(signal.SIGCONT)
            # Whichever comes first after the sleep: the renewal that finds the lease gone, or the settle.
            gave_up = (b"work stopped", b"outcome refused")
            wait_until(
                lambda: any(said in sleeper.log.read_bytes() for said in gave_up), "it gives up", sleeper
            )
            again = client.get(location)
        assert settled.json()["status"] == "completed"
        assert settled.json()["attempts"] == 2
        assert again.content == settled.content


def test_a_question_that_may_be_billed_is_not_sent_again_when_policy_forbids_it(
    tmp_path: Path, local_model: Path
) -> None:
    """It fails as `billing_unknown`, is a dead letter, and lives again only when somebody says so."""
    with running(tmp_path, SENTINEL_RERUN_UNSETTLED="fail", SENTINEL_LEASE_S=LONG_LEASE) as stack:
        stack.script({"match": {"contains": "dear"}, "latency_ms": SLOW, "times": 1})
        [worker] = stack.named("worker")
        with stack.client() as client:
            location = submit(client, "dear")
            stack.wait_for_calls(1)
            stack.add_worker()
            wait_until(lambda: _workers(stack) == 2, "both are known")
            worker.popen.kill()
            failed = client.get(location, params={"wait": 20}).json()
            assert (failed["status"], failed["error"]["code"]) == ("failed", "billing_unknown")
            assert len(stack.calls()) <= 1
            listed = _sentinel(stack, "dead", "list")
            assert "billing_unknown" in listed
            assert failed["id"] in listed
            requeued = _sentinel(stack, "dead", "requeue", listed.split()[0]).split()[-1]
            lived = client.get(f"/v1/jobs/{requeued}", params={"wait": 20}).json()
        assert lived["status"] == "completed"
        assert _sentinel(stack, "dead", "list") == "There are no dead letters.\n"


def test_batch_jobs_leave_slots_to_interactive_ones(tmp_path: Path, local_model: Path) -> None:
    """With every slot that batch may have taken, an interactive question is answered at once."""
    with running(tmp_path, SENTINEL_SLOTS="3", SENTINEL_RESERVED_SLOTS="1") as stack:
        stack.script({"match": {"contains": "nightly"}, "latency_ms": SLOW})
        with stack.client() as client:
            batch = [submit(client, f"nightly {n} {uuid.uuid4().hex}", priority="batch") for n in range(6)]
            stack.wait_for_calls(2)
            assert client.post("/v1/query", json={"prompt": "now, please"}).status_code == 200
            states = [client.get(location).json()["status"] for location in batch]
            assert states.count("in_progress") == 2
            for location in batch:
                client.post(f"{location}/cancel")


def test_a_question_that_kills_its_worker_is_given_up_after_three_tries(
    tmp_path: Path, local_model: Path
) -> None:
    """A poison job stops; the others go on."""
    with running(tmp_path, SENTINEL_REAP_S="0.1") as stack:
        stack.script({"match": {"contains": "poison"}, "latency_ms": SLOW})
        with stack.client() as client:
            location = submit(client, "poison")
            for kills in range(1, 4):
                stack.wait_for_calls(kills)
                victim = next(p for p in stack.named("worker") if p.popen.poll() is None)
                stack.add_worker()
                wait_until(lambda: _workers(stack) == 2, "both are known")
                victim.popen.kill()
                wait_until(lambda: _workers(stack) == 1, "one is dead")
            failed = client.get(location, params={"wait": 20}).json()
            assert failed["error"]["code"] in {"tries_exhausted", "billing_unknown"}
            assert client.post("/v1/query", json={"prompt": "healthy"}).status_code == 200
        assert len([c for c in stack.calls() if c["question"] == "poison"]) <= 3


def _workers(stack: Stack) -> int:
    with stack.client() as client:
        return len(client.get("/readyz?verbose").json()["workers"])


def _sentinel(stack: Stack, *arguments: str) -> str:
    command = [sys.executable, "-c", "import sys; from shared.cli import main; sys.exit(main())", *arguments]
    environment = {**os.environ, **stack.environment, "SENTINEL_USER_KEYS": USER_KEY}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return run.stdout
