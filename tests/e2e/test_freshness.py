"""The freshness ladder through real processes: fresh, refreshed unseen, or better than nothing."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import USER_KEY, Stack, running, wait_until

DOWN = {"fault": "status:503"}
NOT_WHILE_REFRESHED = "stale-while-revalidate=0"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Two ingresses and two workers, whose failures open a breaker and are not retried."""
    folder = tmp_path_factory.mktemp("freshness")
    with running(folder, ingresses=2, workers=2, SENTINEL_PROVIDER_RETRIES_MAX="0") as found:
        yield found


@pytest.fixture(autouse=True)
def sound(stack: Stack) -> None:
    """No rules, no calls on record, a closed breaker that both ingresses know of."""
    stack.forget()
    stack.close_breaker()


def ask(
    stack: Stack, question: str, cache_control: str = "", ingress: int = 0, **body: Any
) -> httpx.Response:
    """Ask, with directives."""
    headers = {"Cache-Control": cache_control} if cache_control else {}
    with stack.client(ingress) as http:
        return http.post("/v1/query", json={"prompt": question, **body}, headers=headers)


def stored(stack: Stack, text: str, **cache: Any) -> str:
    """Have a new question answered and stored; returns it."""
    question = f"{text} ({uuid.uuid4().hex})"
    assert ask(stack, question, cache=cache).status_code == 200
    namespace = {"namespace": cache["namespace"]} if "namespace" in cache else {}
    wait_until(
        lambda: ask(stack, question, "only-if-cached, max-stale", cache=namespace).status_code == 200,
        "stored",
    )
    return question


def gone_stale(stack: Stack, text: str, **cache: Any) -> str:
    """The same, once its second of freshness is over."""
    question = stored(stack, text, ttl=1, **cache)
    wait_until(lambda: ask(stack, question, "only-if-cached, max-stale=0").status_code == 504, "stale")
    stack.forget()
    return question


def open_breaker(stack: Stack) -> None:
    """Fail until the provider rests, and both ingresses have seen it."""
    stack.script(DOWN)

    def resting(ingress: int) -> bool:
        refused = ask(stack, f"Open? {uuid.uuid4().hex}", ingress=ingress, cache={"mode": "exact"})
        return refused.json()["code"] == "upstream_circuit_open" and "job_id" not in refused.json()

    for ingress in (0, 1):
        wait_until(lambda at=ingress: resting(at), "the breaker is open")


def assert_stale(response: httpx.Response, reason: str, detail: str) -> None:
    """It says that it is stale in every way there is."""
    assert response.status_code == 200, response.text
    cache = response.json()["cache"]
    assert (cache["status"], cache["type"], cache["reason"]) == ("stale", "exact", reason)
    assert cache["ttl"] < 0
    assert int(response.headers["Age"]) == cache["age"] >= 1
    assert response.headers["Cache-Status"] == f'"sentinel"; hit; ttl={cache["ttl"]}; detail={detail}'
    assert response.headers["X-Sentinel-Cache"] == "stale"


def test_a_failing_provider_is_stood_in_for_by_the_stale_answer(stack: Stack) -> None:
    """The call was made and failed; the worker's outcome is the old answer, labelled."""
    question = gone_stale(stack, "Who stands in?")
    stack.script(DOWN)
    answered = ask(stack, question, NOT_WHILE_REFRESHED)
    assert_stale(answered, "upstream_unavailable", "STALE-IF-ERROR")
    assert [call["status"] for call in stack.calls()] == [503]
    assert answered.json()["calls"][0]["outcome"] == "upstream_unavailable"
    with stack.client() as http:
        job = http.get(f"/v1/jobs/{answered.json()['id']}").json()
    assert (job["status"], job["cache"]["status"]) == ("completed", "stale")


def test_a_stream_is_stood_in_for_as_well(stack: Stack) -> None:
    """The stale answer comes as a stream, and says that it is stale."""
    question = gone_stale(stack, "Who stands in for a stream?")
    stack.script(DOWN)
    body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": question}]}
    with stack.client() as http:
        headers = {"Cache-Control": NOT_WHILE_REFRESHED}
        told = http.post("/v1/chat/completions", json={**body, "stream": True}, headers=headers)
    assert told.headers["Content-Type"].startswith("text/event-stream")
    assert (told.status_code, told.headers["X-Sentinel-Cache"]) == (200, "stale"), told.text
    assert '"reason":"upstream_unavailable"' in told.text
    assert told.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize(
    "directives", ["no-cache", "max-age=0", "min-fresh=60", "max-stale=0", "stale-if-error=0"]
)
def test_whoever_wants_nothing_stale_gets_the_error(stack: Stack, directives: str) -> None:
    """The caller gets what it asked for."""
    question = gone_stale(stack, "Who wants it fresh?")
    stack.script(DOWN)
    failed = ask(stack, question, f"{directives}, {NOT_WHILE_REFRESHED}")
    assert (failed.status_code, failed.json()["code"]) == (503, "upstream_unavailable")


def test_whoever_says_stale_if_error_gets_it_whatever_else_was_said(stack: Stack) -> None:
    """RFC 5861: regardless of other freshness information."""
    question = gone_stale(stack, "Who takes both?")
    stack.script(DOWN)
    assert_stale(
        ask(stack, question, "no-cache, stale-if-error=60"), "upstream_unavailable", "STALE-IF-ERROR"
    )


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "upstream_key_rejected"), (404, "upstream_model_not_found")]
)
def test_an_account_that_fails_is_stood_in_for_as_well(stack: Stack, status: int, reason: str) -> None:
    """A rejected key or a model that was retired is not the question's fault."""
    question = gone_stale(stack, "Whose account?")
    stack.script({"fault": f"status:{status}"})
    assert_stale(ask(stack, question, NOT_WHILE_REFRESHED), reason, "STALE-IF-ERROR")


def test_a_question_that_is_refused_is_not_answered_from_the_past(stack: Stack) -> None:
    """The provider does not answer it any more, and says why."""
    question = gone_stale(stack, "Who refuses?")
    stack.script({"fault": "status:400"})
    assert ask(stack, question, NOT_WHILE_REFRESHED).json()["code"] == "upstream_refused"


def test_max_age_0_is_not_even_handed_what_landed_a_moment_ago(stack: Stack) -> None:
    """Whoever wants it new gets it new; two seconds are no exception."""
    question = f"How new? ({uuid.uuid4().hex})"
    first, second = (ask(stack, question, "max-age=0", cache={"mode": "exact"}).json() for _ in range(2))
    assert (first["cache"]["status"], second["cache"]["status"]) == ("miss", "miss")
    assert first["id"] != second["id"]


def test_the_expiry_of_a_hot_answer_costs_one_call(stack: Stack) -> None:
    """Two hundred callers at two ingresses are all served at once; one refresh follows."""
    question = gone_stale(stack, "Who is hot?")
    stack.script({"latency_ms": 300})

    async def crowd() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(headers={"X-API-Key": USER_KEY}, timeout=30, limits=limits) as http:
            # What is bought stays fresh for longer than the crowd takes, or it would go stale among them.
            body = {"prompt": question, "cache": {"ttl": 60}}
            asking = (http.post(f"{stack.urls[n % 2]}/v1/query", json=body) for n in range(200))
            return await asyncio.gather(*asking)

    answers = asyncio.run(crowd())
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["cache"]["status"] for answer in answers} <= {"stale", "hit"}
    assert_stale(answers[0], "revalidate", "STALE-WHILE-REVALIDATE")
    stack.wait_for_calls(1)
    wait_until(
        lambda: ask(stack, question, "only-if-cached").json()["id"] != answers[0].json()["id"], "refreshed"
    )
    assert len(stack.calls()) == 1


def test_max_stale_takes_what_is_there_and_buys_nothing(stack: Stack) -> None:
    """RFC 9111, section 5.2.1.2."""
    question = gone_stale(stack, "Who takes it as it is?")
    answered = ask(stack, question, f"max-stale=600, {NOT_WHILE_REFRESHED}")
    assert_stale(answered, "max_stale", "MAX-STALE")
    assert stack.calls() == []


def test_an_open_breaker_serves_the_stale_answer_without_a_job(stack: Stack) -> None:
    """The ingress knows, so nothing goes through the queue."""
    question = gone_stale(stack, "Who rests?")
    open_breaker(stack)
    stack.forget()
    answered = ask(stack, question, NOT_WHILE_REFRESHED)
    assert_stale(answered, "upstream_circuit_open", "STALE-IF-ERROR")
    assert stack.calls() == []


def test_an_open_breaker_refuses_what_only_the_provider_could_answer(stack: Stack) -> None:
    """At once, with the true time to come back; by meaning it may still be answered."""
    known = stored(stack, "What is the tallest mountain on Earth?")
    open_breaker(stack)
    ways: list[tuple[str, dict[str, Any]]] = [("no-cache", {}), ("", {"cache": {"mode": "exact"}})]
    for directives, body in ways:
        refused = ask(stack, f"Only you know ({uuid.uuid4().hex})", directives, **body)
        assert (refused.status_code, refused.json()["code"]) == (503, "upstream_circuit_open")
        assert 30 < int(refused.headers["Retry-After"]) <= 60
        assert "job_id" not in refused.json()
    near = ask(stack, known.replace("tallest mountain on Earth?", "tallest mountain on the Earth?"))
    assert near.json()["cache"]["type"] == "semantic", near.text


def test_a_stale_neighbour_is_no_hit_but_better_than_nothing(stack: Stack) -> None:
    """A paraphrase of a stale question is bought; when that fails, the stale answer stands in."""
    question = gone_stale(stack, "What is the capital of Norway?")
    near = question.replace("What is the capital of Norway?", "Tell me the capital of Norway")
    stack.script({"fault": "status:503", "times": 1})
    stood_in = ask(stack, near, cache={"no-store": True}).json()
    assert (stood_in["cache"]["status"], stood_in["cache"]["type"]) == ("stale", "semantic")
    assert stood_in["cache"]["reason"] == "upstream_unavailable"
    assert ask(stack, near, "max-stale=0").json()["cache"]["status"] == "miss"
