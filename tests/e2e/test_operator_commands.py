"""`sentinel jobs|workers|queues|cache list|dashboard` on a running product."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from shared.cli import main
from shared.cli.operating import table
from tests.support.stack import Stack, wait_until

pytestmark = pytest.mark.e2e

Run = Callable[..., Any]
TWINS = ("How do I boil an egg?", "how do I boil an egg")


@pytest.fixture
def run(stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command where the product runs; returns its exit code and what it printed."""
    for name, value in stack.environment.items():
        if name.startswith(("SENTINEL_", "GROQ_")):
            monkeypatch.setenv(name, value)

    def command(*words: str) -> tuple[int, str]:
        code = main(words)
        return code, capsys.readouterr().out

    return command


def ask(stack: Stack, prompt: str, **cache: object) -> str:
    """Ask a question and return its job's id."""
    with stack.client() as client:
        job_id: str = client.post("/v1/query", json={"prompt": prompt, "cache": cache}).json()["id"]
    return job_id


def test_a_job_is_found_and_asked_again_past_the_cache(stack: Stack, run: Run) -> None:
    """JSON where there is no terminal; the new try is bought."""
    job_id = ask(stack, "a question for the command line")
    code, printed = run("jobs", "list", "--state", "completed", "--hit", "miss")
    assert code == 0
    assert job_id in [row["job_id"] for row in json.loads(printed)["rows"]]
    before = len(stack.calls())
    code, printed = run("jobs", "retry", "--bypass", job_id)
    again = printed.split()[-1]
    assert code == 0
    assert again != job_id
    with stack.client() as client:
        assert client.get(f"/v1/jobs/{again}", params={"wait": 20}).json()["status"] == "completed"
    assert len(stack.calls()) == before + 1
    assert run("jobs", "cancel", job_id) == (1, f"{job_id}  nothing was done\n")


def test_workers_queues_and_answers_are_listed(stack: Stack, run: Run) -> None:
    """As their JSON twins have them."""
    ask(stack, "a question to be stored")
    workers = json.loads(run("workers", "list")[1])
    assert {worker["mode"] for worker in workers} == {"active"}
    assert run("workers", "quiet", "nobody") == (1, "nobody  no such worker lives\n")
    assert [one["paused"] for one in json.loads(run("queues", "list")[1])] == [False, False]
    assert json.loads(run("cache", "list")[1])[0]["job"]


def test_what_is_near_a_stored_answer_is_told(stack: Stack, run: Run) -> None:
    """By a worker, and in the words of `cache explain`; another tenant's entry is not found."""
    first, second = (ask(stack, prompt, **{"no-cache": True}).partition(".")[0] for prompt in TWINS)

    def near() -> list[dict[str, Any]]:
        code, printed = run("cache", "similar", first, "--tenant", "default")
        return json.loads(printed) if code == 0 else []

    # Answers are stored, and workers hear of their vectors, a moment after callers have them.
    wait_until(lambda: [one["entry"] for one in near()][:1] == [second], "the neighbour")
    assert near()[0]["match"] is True
    assert "would be served" in near()[0]["verdict"]
    assert run("cache", "similar", first, "--tenant", "other")[0] != 0


def test_a_tenant_gets_a_budget_of_its_own(stack: Stack, run: Run) -> None:
    """It is listed beside everybody's, refused when it cannot be, and taken back."""
    assert run("budgets", "set", "tenant", "acme", "--day-soft-usd", "1", "--day-hard-usd", "2")[0] == 0
    listed = json.loads(run("budgets")[1])
    assert listed["tenant acme"]["day_hard_usd"] == 2
    assert set(listed) == {"every key", "every tenant", "tenant acme"}
    assert run("budgets", "set", "tenant", "acme", "--day-soft-usd", "3", "--day-hard-usd", "2")[0] != 0
    assert run("budgets", "unset", "tenant", "acme")[0] == 0
    assert run("budgets", "unset", "tenant", "acme")[0] != 0


def test_a_link_signs_in_and_what_was_done_is_in_the_audit_log(stack: Stack, run: Run) -> None:
    """With the role that was asked for."""
    _, printed = run("dashboard", "--role", "viewer")
    token = printed.split("link=")[1].split()[0]
    with httpx.Client(base_url=stack.urls[0]) as browser:
        assert "Sign in" in browser.get("/dashboard/enter", params={"link": token}).text
        browser.post("/dashboard/enter", data={"link": token})
        assert "viewer" in browser.get("/dashboard").text
        assert "make sign-in link" in browser.get("/dashboard/audit").text
        assert browser.get("/dashboard/keys").status_code == httpx.codes.FORBIDDEN


def test_tables_keep_their_columns() -> None:
    """However long a value is."""
    assert (
        table(("a", "b"), [("long value", "1"), ("x", "2")]) == "a           b\nlong value  1\nx           2"
    )
