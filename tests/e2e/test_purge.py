"""Purging through real processes: by each kind, whoever asks, and while an answer is under way."""

import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import ADMIN_KEY, OTHER_KEY, ROOT, USER_KEY, Stack, wait_until

MODEL = "openai/gpt-oss-20b"


def ask(stack: Stack, question: str, key: str = USER_KEY, **cache: Any) -> dict[str, Any]:
    """Ask and expect an answer."""
    with stack.client(key=key) as http:
        response = http.post("/v1/query", json={"prompt": question, "cache": {"mode": "exact", **cache}})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def stored(stack: Stack, key: str = USER_KEY, **cache: Any) -> tuple[str, dict[str, Any]]:
    """Have a new question answered and stored; returns it with the answer's next, exact hit."""
    question = f"What is kept here? ({uuid.uuid4().hex})"
    ask(stack, question, key, **cache)
    # A flight that has just landed is a hit as well: the entry alone can be found when it is asked for alone.
    body = {"prompt": question, "cache": {"mode": "exact", **cache}}

    def found() -> bool:
        with stack.client(key=key) as http:
            return (
                http.post("/v1/query", json=body, headers={"Cache-Control": "only-if-cached"}).status_code
                == 200
            )

    wait_until(found, "stored")
    return question, ask(stack, question, key, **cache)


def purge(stack: Stack, key: str = USER_KEY, **selected: Any) -> httpx.Response:
    """Purge by something."""
    with stack.client(key=key) as http:
        return http.post("/v1/cache/purge", json=selected)


@pytest.mark.parametrize("kind", ["entry", "job", "namespace", "tag", "model", "all"])
def test_what_is_purged_is_bought_anew_and_nothing_else_is(stack: Stack, kind: str) -> None:
    """By each kind; what it does not name stays."""
    space, tag = uuid.uuid4().hex, uuid.uuid4().hex
    question, hit = stored(stack, namespace=space, tags=["other", tag])
    kept_question, _ = stored(stack)
    selected: dict[str, dict[str, Any]] = {
        "entry": {"entry": hit["cache"]["entry_id"]},
        "job": {"entry": hit["id"]},
        "namespace": {"namespace": space},
        "tag": {"tag": tag},
        "model": {"model": MODEL},
        "all": {"all": True},
    }
    purged = purge(stack, key=ADMIN_KEY, **selected[kind])
    assert purged.status_code == 200, purged.text
    assert purged.json()["kind"] == {"job": "entry"}.get(kind, kind)
    assert purged.json()["found"] is (True if kind in ("entry", "job") else None)
    assert ask(stack, question, namespace=space, tags=["other", tag])["cache"]["status"] == "miss"
    kept = ask(stack, kept_question)["cache"]["status"]
    assert kept == ("miss" if kind in ("model", "all") else "hit")


def test_a_purged_neighbour_is_not_served_by_meaning_either(stack: Stack) -> None:
    """The index may still propose it; its entry is read before anything is served."""
    space = uuid.uuid4().hex
    with stack.client() as http:
        for prompt, expected in (
            ("What is the capital of Finland?", "miss"),
            ("Tell me the capital city of Finland", "hit"),
        ):
            asked = http.post("/v1/query", json={"prompt": prompt, "cache": {"namespace": space}})
            assert asked.json()["cache"]["status"] == expected
    assert purge(stack, namespace=space).status_code == 200
    with stack.client() as http:
        again = http.post(
            "/v1/query", json={"prompt": "Tell me Finland's capital city", "cache": {"namespace": space}}
        )
    assert again.json()["cache"]["status"] == "miss"


@pytest.mark.parametrize("kind", ["entry", "tag"])
def test_a_purged_neighbour_is_not_handed_on_by_who_was_just_served_it(stack: Stack, kind: str) -> None:
    """The very same paraphrase again, at once: its flight has landed and would still answer it."""
    space, tag = uuid.uuid4().hex, uuid.uuid4().hex
    near = {"prompt": "Tell me the capital city of Poland", "cache": {"namespace": space}}
    with stack.client() as http:
        body = {"prompt": "What is the capital of Poland?", "cache": {"namespace": space, "tags": [tag]}}
        asked = http.post("/v1/query", json=body).json()
        hits = [http.post("/v1/query", json=near).json() for _ in range(2)]
        assert [hit["cache"]["type"] for hit in hits] == ["semantic"] * 2, "stored and handed on"
        purge(stack, **{"entry": {"entry": asked["id"]}, "tag": {"tag": tag}}[kind])
        again = http.post("/v1/query", json=near).json()
    assert (again["cache"]["status"], again["id"] != hits[1]["id"]) == ("miss", True)


@pytest.mark.parametrize("kind", ["entry", "tag", "namespace"])
def test_an_answer_under_way_does_not_outlive_the_purge(stack: Stack, kind: str) -> None:
    """Neither is its flight joined by whoever asks after the purge, nor is it stored when it lands."""
    space, tag = uuid.uuid4().hex, uuid.uuid4().hex
    question = f"What is under way? ({uuid.uuid4().hex})"
    cache: dict[str, Any] = {"namespace": space, "tags": [tag]}
    stack.script({"latency_ms": 1_500, "times": 1})
    with stack.client() as http:
        body = {"prompt": question, "cache": {"mode": "exact", **cache}}
        early = http.post("/v1/query", json=body, headers={"Prefer": "respond-async"}).json()
        stack.wait_for_calls(1)
        purge(
            stack,
            **{"entry": {"entry": early["id"]}, "tag": {"tag": tag}, "namespace": {"namespace": space}}[kind],
        )
        late = ask(stack, question, **cache)
        assert (late["cache"]["status"], late["id"] != early["id"]) == ("miss", True)
        assert http.get(f"/v1/jobs/{early['id']}?wait=10").json()["status"] == "completed"
    assert ask(stack, question, **cache)["id"] == late["id"]
    assert len(stack.calls()) == 2


def test_an_answer_that_lands_after_its_purge_is_not_stored(stack: Stack) -> None:
    """What counts is when it was asked for, not when it was settled."""
    question, tag = f"When does it land? ({uuid.uuid4().hex})", uuid.uuid4().hex
    stack.script({"latency_ms": 600, "times": 1})
    with stack.client() as http:
        body = {"prompt": question, "cache": {"mode": "exact", "tags": [tag]}}
        early = http.post("/v1/query", json=body, headers={"Prefer": "respond-async"}).json()
        stack.wait_for_calls(1)
        purge(stack, tag=tag)
        assert http.get(f"/v1/jobs/{early['id']}?wait=10").json()["status"] == "completed"
        # Stored after it by the same outbox: once this is there, the other had its turn.
        stored(stack)
        found = http.post("/v1/query", json=body, headers={"Cache-Control": "only-if-cached"})
    assert found.status_code == 504


def test_nobody_purges_what_is_not_theirs(stack: Stack) -> None:
    """Another tenant's entry looks like one that never was; models and tenants take an admin key."""
    question, hit = stored(stack)
    foreign = purge(stack, key=OTHER_KEY, entry=hit["cache"]["entry_id"])
    assert (foreign.status_code, foreign.json()["found"]) == (200, False)
    purge(stack, key=ADMIN_KEY, all=True, tenant="other")
    assert ask(stack, question)["id"] == hit["id"]
    for selected in ({"model": MODEL}, {"all": True}, {"namespace": "x", "tenant": "other"}):
        assert purge(stack, **selected).status_code == 403
    for selected in ({}, {"tag": "a", "namespace": "b"}, {"entry": "nonsense"}):
        assert purge(stack, **selected).status_code == 400


def test_an_operator_purges_from_the_command_line(stack: Stack) -> None:
    """Whoever reaches Redis needs no key; an entry that is not there is told by the exit code."""
    tag = uuid.uuid4().hex
    question, hit = stored(stack, tags=[tag])
    assert purge_command(stack, "--tag", tag) == 0
    assert ask(stack, question, tags=[tag])["cache"]["status"] == "miss"
    again = ask(stack, question, tags=[tag])
    assert again["id"] != hit["id"]
    assert purge_command(stack, "--entry", again["id"], "--tenant", "other") == 1
    assert purge_command(stack, "--tenant", "other", "--all") == 0
    assert ask(stack, question, tags=[tag])["id"] == again["id"]
    assert purge_command(stack) == 2


def purge_command(stack: Stack, *arguments: str) -> int:
    """Run `sentinel cache purge`; returns its exit code."""
    command = [str(Path(sys.executable).with_name("sentinel")), "cache", "purge", *arguments]
    return subprocess.run(command, env=stack.environment, cwd=ROOT, check=False).returncode


def test_an_entry_can_be_deleted_by_its_address(stack: Stack) -> None:
    """204, also for one that is not there."""
    question, hit = stored(stack)
    with stack.client() as http:
        for _ in range(2):
            assert http.delete(f"/v1/cache/entries/{hit['cache']['entry_id']}").status_code == 204
        assert http.delete("/v1/cache/entries/nonsense").status_code == 400
    assert ask(stack, question)["cache"]["status"] == "miss"
