"""POST /v1/query through real processes: exact hit, semantic hit, miss, wait and refusal."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from simulator.answers import answer_to
from tests.support.stack import ADMIN_KEY, OTHER_KEY, USER_KEY, Stack, wait_until

MODEL = "openai/gpt-oss-20b"


def unique(text: str) -> str:
    """A question that no other test has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def expected(question: str) -> str:
    """What the simulator answers."""
    return answer_to(MODEL, [{"role": "user", "content": question}])


def ask(client: httpx.Client, question: str, **body: Any) -> httpx.Response:
    """Ask and expect an answer."""
    response = client.post("/v1/query", json={"prompt": question, **body})
    assert response.status_code == 200, response.text
    return response


def test_a_miss_calls_the_provider_and_the_same_question_again_does_not(stack: Stack) -> None:
    """The second answer is an exact hit, given inline: no job ran for it."""
    question = unique("How do I bake bread?")
    with stack.client() as client:
        miss, hit = ask(client, question).json(), ask(client, question)
    assert (miss["cache"]["status"], miss["cache"]["type"]) == ("miss", None)
    assert miss["output"]["text"] == hit.json()["output"]["text"] == expected(question)
    assert (hit.json()["cache"]["status"], hit.json()["cache"]["type"]) == ("hit", "exact")
    assert hit.json()["id"] == miss["id"]
    assert len(stack.calls()) == 1


def test_a_paraphrase_is_a_semantic_hit_and_an_unrelated_question_is_a_miss(stack: Stack) -> None:
    """By meaning, with the similarity, the threshold and the guards that let it through."""
    with stack.client() as client:
        ask(client, "What is the capital of Portugal?")
        near = ask(client, "Tell me the capital city of Portugal").json()
        far = ask(client, "Why do cats purr at night?").json()
    assert (near["cache"]["status"], near["cache"]["type"]) == ("hit", "semantic")
    assert near["output"]["text"] == expected("What is the capital of Portugal?")
    assert near["cache"]["similarity"] >= near["cache"]["threshold"] > 0.5
    verifier = near["cache"]["guards"][-1]
    assert (verifier["guard"], verifier["passed"]) == ("verifier", True), "the default policy decides"
    assert far["cache"]["status"] == "miss"
    assert far["cache"]["similarity"] < far["cache"]["threshold"]
    assert len(stack.calls()) == 2


def test_a_near_question_with_another_name_is_no_hit(stack: Stack) -> None:
    """Near is not same: Lisbon is not Madrid."""
    with stack.client() as client:
        ask(client, "What is the population of Norway?")
        other = ask(client, "What is the population of Sweden?").json()
    assert other["cache"]["status"] == "miss"
    assert other["output"]["text"] == expected("What is the population of Sweden?")


def test_an_answer_says_what_it_cost_and_what_a_hit_saved(stack: Stack) -> None:
    """In dollars from the provider's own usage, equal to the simulator's bill."""
    question = unique("What does this cost?")
    with stack.client() as client:
        miss, hit = ask(client, question).json()["usage"], ask(client, question).json()["usage"]
    [call] = stack.calls()
    assert miss["cost_usd"] == pytest.approx(call["cost_picodollars"] / 1e12, rel=1e-12)
    assert miss["total_tokens"] == call["usage"]["total_tokens"]
    assert (miss["saved_usd"], hit["cost_usd"]) == (0, 0)
    assert hit["saved_usd"] == miss["cost_usd"]


def test_every_answer_carries_its_headers(stack: Stack) -> None:
    """Request id, rate, cache status and timings, on a hit and on a miss."""
    question = unique("Which headers?")
    with stack.client() as client:
        miss = ask(client, question).headers
        hit = client.post("/v1/query", json={"prompt": question}, headers={"X-Request-ID": "mine-1"}).headers
    assert miss["x-request-id"].startswith("req_")
    assert hit["x-request-id"] == "mine-1"
    assert miss["cache-status"] == '"sentinel"; fwd=miss; stored; fwd-status=200'
    assert hit["cache-status"].startswith('"sentinel"; hit; ttl=')
    assert hit["cache-status"].endswith("detail=EXACT")
    assert int(hit["age"]) >= 0
    assert "queue;dur=" in miss["server-timing"]
    assert "total;dur=" in hit["server-timing"]
    assert hit["ratelimit-policy"].startswith('"default";q=100000;w=')
    assert int(hit["x-ratelimit-remaining"]) <= 100_000
    assert hit["cache-control"] == "private, no-store"


def test_a_hundred_twins_over_two_ingresses_cost_one_call(stack: Stack) -> None:
    """Single flight across the fleet (G4): one call, one job, the same answer for all."""
    question = unique("Who else is asking?")
    stack.script({"match": {"contains": question}, "latency_ms": 300})
    start = threading.Barrier(100)

    def twin(number: int) -> dict[str, Any]:
        with stack.client(ingress=number % 2) as client:
            start.wait()
            body: dict[str, Any] = ask(client, question).json()
            return body

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(twin, range(100)))
    [call] = stack.calls()
    assert {a["output"]["text"] for a in answers} == {expected(question)}
    assert len({a["id"] for a in answers}) == 1
    # The shares add up to the bill: one pays, and each of the others sees what it saved.
    billed = call["cost_picodollars"] / 1e12
    shares = [(a["usage"]["cost_usd"], a["usage"]["saved_usd"]) for a in answers]
    assert sorted(shares) == [(0, billed)] * 99 + [(billed, 0)]
    assert {a["cache"]["status"] for a in answers} <= {"miss", "collapsed", "hit"}


def test_respond_async_returns_a_job_at_once_and_a_long_poll_its_answer(stack: Stack) -> None:
    """202 with Location; the job can be read by its id until it has settled and after."""
    question = unique("Later, please?")
    stack.script({"match": {"contains": question}, "latency_ms": 200})
    with stack.client() as client:
        accepted = client.post("/v1/query", json={"prompt": question}, headers={"Prefer": "respond-async"})
        assert accepted.status_code == 202
        assert accepted.headers["preference-applied"] == "respond-async"
        assert accepted.headers["location"] == accepted.json()["urls"]["self"]
        assert accepted.json()["status"] in {"queued", "in_progress"}
        location = accepted.headers["location"]
        early = client.get(location)
        assert early.status_code == 200
        assert early.headers["retry-after"] == "1"
        settled = client.get(location, params={"wait": 20})
        again = client.get(location, headers={"If-None-Match": settled.headers["etag"]})
    assert settled.json()["status"] == "completed"
    assert settled.json()["output"]["text"] == expected(question)
    assert (again.status_code, again.content) == (304, b"")


def test_a_wait_that_runs_out_becomes_202_and_the_job_goes_on(stack: Stack) -> None:
    """Never a 504 because a caller's wait was short."""
    question = unique("How long is a second?")
    stack.script({"match": {"contains": question}, "latency_ms": 1500})
    with stack.client() as client:
        accepted = client.post("/v1/query", json={"prompt": question}, headers={"Prefer": "wait=1"})
        assert accepted.status_code == 202
        assert accepted.headers["preference-applied"] == "wait=1"
        settled = client.get(accepted.headers["location"], params={"wait": 20}).json()
    assert settled["status"] == "completed"
    assert len(stack.calls()) == 1


def test_cache_controls_are_obeyed(stack: Stack) -> None:
    """no-cache refreshes, no-store leaves nothing, only-if-cached never asks the provider."""
    question = unique("Cached or not?")
    with stack.client() as client:
        missing = client.post(
            "/v1/query", json={"prompt": question}, headers={"Cache-Control": "only-if-cached"}
        )
        assert (missing.status_code, missing.json()["code"]) == (504, "cache_miss")
        assert missing.headers["x-should-retry"] == "false"
        ask(client, question, cache={"no-store": True})
        ask(client, question)
        refreshed = client.post("/v1/query", json={"prompt": question}, headers={"Cache-Control": "no-cache"})
        assert refreshed.json()["cache"]["status"] == "miss"

        def found() -> dict[str, Any]:
            headers = {"Cache-Control": "only-if-cached"}
            stored: dict[str, Any] = client.post(
                "/v1/query", json={"prompt": question}, headers=headers
            ).json()
            return stored

        wait_until(lambda: found()["id"] == refreshed.json()["id"], "the newer answer is stored")
        assert found()["cache"]["type"] == "exact"
    assert len(stack.calls()) == 3


def test_what_can_change_the_answer_separates_questions(stack: Stack) -> None:
    """System prompt, temperature, length, model and namespace are part of the identity."""
    question = unique("Same words?")
    variants: list[dict[str, Any]] = [
        {},
        {"system": "Be brief."},
        {"temperature": 0.5},
        {"max_tokens": 100},
        {"model": "openai/gpt-oss-120b"},
        {"cache": {"namespace": "docs"}},
    ]
    with stack.client() as client:
        for variant in variants:
            assert ask(client, question, **variant).json()["cache"]["status"] == "miss"
    assert len(stack.calls()) == len(variants)


def test_no_answer_or_job_crosses_tenants(stack: Stack) -> None:
    """Neither exactly nor by meaning nor by job id (G8)."""
    with stack.client() as mine, stack.client(key=OTHER_KEY) as theirs:
        job = ask(mine, "What is the longest river of Brazil?").json()["id"]
        same = ask(theirs, "What is the longest river of Brazil?").json()
        near = ask(theirs, "Tell me the longest river of Brazil").json()
        assert same["cache"] == {**same["cache"], "status": "miss", "similarity": None}
        assert near["cache"]["entry_id"] == same["id"].partition(".")[0]
        foreign = theirs.get(f"/v1/jobs/{job}")
        unknown = theirs.get("/v1/jobs/never-was")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"]


def test_a_provider_error_is_everybodys_problem_and_can_be_asked_again(stack: Stack) -> None:
    """The upstream's reason reaches the caller in our shape; a failure is not cached."""
    question = unique("Will this fail?")
    stack.script({"match": {"contains": question}, "times": 1, "fault": "status:500"})
    with stack.client() as client:
        failed = client.post("/v1/query", json={"prompt": question})
        assert (failed.status_code, failed.json()["code"]) == (503, "upstream_unavailable")
        assert failed.headers["content-type"] == "application/problem+json"
        assert failed.headers["x-should-retry"] == "true"
        job = client.get(failed.json()["urls"]["self"]).json()
        assert (job["status"], job["error"]["code"]) == ("failed", "upstream_unavailable")
        assert ask(client, question).json()["output"]["text"] == expected(question)


@pytest.mark.parametrize("fault", ["garbage", "empty_choice", "truncate", "wrong_schema", "close"])
def test_what_is_not_an_answer_is_never_cached(stack: Stack, fault: str) -> None:
    """A 200 with garbage is a failed call."""
    question = unique(f"Is {fault} an answer?")
    stack.script({"match": {"contains": question}, "times": 1, "fault": fault})
    with stack.client() as client:
        failed = client.post("/v1/query", json={"prompt": question})
        assert failed.status_code in {502, 503}, failed.text
        assert ask(client, question).json()["cache"]["status"] == "miss"


def test_both_ways_to_send_a_key_work_and_wrong_keys_do_not(stack: Stack) -> None:
    """X-API-Key or Bearer; an admin may ask as well."""
    question = {"prompt": unique("Who am I?")}
    with stack.client(key=None) as client:
        by_bearer = client.post("/v1/query", json=question, headers={"Authorization": f"Bearer {USER_KEY}"})
        by_admin = client.post("/v1/query", json=question, headers={"X-API-Key": ADMIN_KEY})
        none = client.post("/v1/query", json=question)
        wrong = client.post("/v1/query", json=question, headers={"X-API-Key": "wrong-key-wrong"})
        two = client.post(
            "/v1/query",
            json=question,
            headers={"X-API-Key": USER_KEY, "Authorization": f"Bearer {ADMIN_KEY}"},
        )
    assert by_bearer.status_code == by_admin.status_code == 200
    assert [r.status_code for r in (none, wrong, two)] == [401, 401, 401]
    assert wrong.headers["www-authenticate"].startswith("Bearer")
    assert wrong.json()["error"]["code"] == "invalid_api_key"
