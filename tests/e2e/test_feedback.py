"""POST /v1/feedback through real processes: whose, of what, and what a wrong answer leads to everywhere."""

import time
import uuid
from typing import Any

import httpx
import pytest

from tests.support.stack import ADMIN_KEY, OTHER_KEY, Stack, wait_until


def ask(http: httpx.Client, prompt: str, space: str, **members: Any) -> dict[str, Any]:
    """Ask within a namespace."""
    response = http.post("/v1/query", json={"prompt": prompt, "cache": {"namespace": space}, **members})
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def served_by_meaning(stack: Stack, space: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An answer, and one that was served for it because its question is near."""
    with stack.client() as http:
        first = ask(http, "What is the capital of Norway?", space)
        near = ask(http, "Tell me the capital city of Norway", space)
        assert (near["cache"]["status"], near["cache"]["type"]) == ("hit", "semantic"), near
    return first, near


def say(http: httpx.Client, job_id: str, verdict: str) -> httpx.Response:
    """Give feedback."""
    return http.post("/v1/feedback", json={"job_id": job_id, "verdict": verdict})


def test_a_wrong_pairing_is_not_served_again_by_any_ingress_and_its_entry_stays(stack: Stack) -> None:
    """Within a second; the question buys its own answer, others are still served the entry."""
    space = uuid.uuid4().hex
    first, near = served_by_meaning(stack, space)
    with stack.client(0) as http, stack.client(1) as other:
        told = say(http, near["id"], "wrong")
        began = time.monotonic()
        assert told.status_code == 200, told.text
        assert told.json() == {
            "object": "feedback",
            "job_id": near["id"],
            "verdict": "wrong",
            "entry_id": near["cache"]["entry_id"],
            "unpaired": True,
            "learned": True,
        }
        again = ask(other, "Tell me the capital city of Norway", space)
        assert time.monotonic() - began < 5, "a hang is no answer"
        assert again["cache"]["status"] == "miss"
        assert again["cache"]["guards"][0] == {
            "guard": "feedback",
            "passed": False,
            "reason": "this pairing was found wrong",
        }
        assert ask(http, "What is the capital of Norway?", space)["id"] == first["id"]
        third = ask(http, "Please tell me the capital of Norway", space)
        assert third["cache"]["type"] in ("semantic", "exact"), third


def test_a_hit_says_where_its_answer_is_from(stack: Stack) -> None:
    """Which entry, when, and whose model, by meaning as well as exactly."""
    space = uuid.uuid4().hex
    first, near = served_by_meaning(stack, space)
    source = near["cache"]["source"]
    assert source["job_id"] == first["id"]
    assert (source["model"], source["provider"]) == (first["model"], "simulator")
    assert abs(source["created_at"] - first["completed_at"]) <= 2
    with stack.client() as http:
        exact = ask(http, "What is the capital of Norway?", space)
    assert exact["cache"]["source"] == source


def test_feedback_is_for_the_owner_of_an_answer_alone(stack: Stack) -> None:
    """Another tenant's job is a 404 like one that never was, and stays paired."""
    space = uuid.uuid4().hex
    _, near = served_by_meaning(stack, space)
    with stack.client(key=OTHER_KEY) as foreign:
        refused = [say(foreign, job_id, "wrong") for job_id in (near["id"], "0" * 64 + ".1")]
    assert [r.status_code for r in refused] == [404, 404]
    assert [r.json()["error"]["code"] for r in refused] == ["job_not_found"] * 2
    with stack.client() as http:
        assert ask(http, "Tell me the capital city of Norway", space)["cache"]["type"] == "semantic"


def test_changing_ones_mind_and_saying_it_twice_count_once(stack: Stack) -> None:
    """The last word holds; the same word again teaches nothing."""
    space = uuid.uuid4().hex
    _, near = served_by_meaning(stack, space)
    with stack.client() as http:
        learned = [say(http, near["id"], v).json()["learned"] for v in ("wrong", "wrong", "right")]
        assert learned == [True, False, True]
        assert ask(http, "Tell me the capital city of Norway", space)["cache"]["type"] == "semantic"


def test_an_answer_of_its_own_has_no_pairing_to_remove(stack: Stack) -> None:
    """Noted, also under a completion's id; nothing is unpaired."""
    with stack.client() as http:
        first = ask(http, f"What is it? {uuid.uuid4().hex}", "feedback")
        told = say(http, f"chatcmpl-{first['id']}", "wrong")
    assert (told.status_code, told.json()["entry_id"], told.json()["unpaired"]) == (200, None, False)


def test_a_job_without_an_answer_is_a_conflict(stack: Stack) -> None:
    """There is nothing to judge yet."""
    stack.script({"latency_ms": 3_000, "times": 1})
    with stack.client() as http:
        body = {"prompt": f"Slow? {uuid.uuid4().hex}", "cache": {"mode": "exact"}}
        job = http.post("/v1/query", json=body, headers={"Prefer": "respond-async"}).json()
        refused = say(http, job["id"], "right")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "no_answer")
        http.post(f"/v1/jobs/{job['id']}/cancel")


@pytest.mark.parametrize(
    "body", [{}, {"job_id": "x"}, {"job_id": "x", "verdict": "maybe"}, {"job_id": "", "verdict": "right"}]
)
def test_nonsense_is_a_400(stack: Stack, body: dict[str, str]) -> None:
    """In the one error shape."""
    with stack.client() as http:
        response = http.post("/v1/feedback", json=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


def test_a_caller_may_ask_for_a_bound_that_little_knowledge_does_not_meet(stack: Stack) -> None:
    """Stricter than the gateway: the near answer is not served, and the reason is told."""
    space = uuid.uuid4().hex
    with stack.client() as http:
        ask(http, "What is the capital of Norway?", space)
        strict = ask(http, "Tell me the capital city of Norway", space, max_false_hit_rate=0.0001)
    assert strict["cache"]["status"] == "miss"
    assert strict["cache"]["guards"][-1]["guard"] == "verifier"
    assert not strict["cache"]["guards"][-1]["passed"]


def test_operators_see_what_is_known_and_others_do_not(stack: Stack) -> None:
    """By tenant and policy in the admin API; over all tenants in the metrics."""
    _, near = served_by_meaning(stack, uuid.uuid4().hex)
    with stack.client() as http, stack.client(key=ADMIN_KEY) as admin:
        say(http, near["id"], "right")
        assert http.get("/admin/cache/bound").status_code == 403
        [row, *_] = admin.get("/admin/cache/bound").json()["policies"]
        assert row["policy"].startswith("verified-")
        assert row["judged"] >= 1
        assert 0 <= row["lower"] <= row["wrong"] <= row["upper"] <= 1
        wait_until(
            lambda: "sentinel_false_hit_rate{" in admin.get("/metrics").text, "the estimate is exported"
        )
