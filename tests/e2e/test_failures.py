"""What callers see when something is wrong: their request, their limits, or our Redis."""

import json
import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from tests.support.stack import USER_KEY, Stack, running, wait_until


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Every error has the one shape, for people, RFC 9457 clients and OpenAI's SDKs."""
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-should-retry"] in {"true", "false"}
    assert {"type", "title", "status", "detail", "instance", "request_id", "error"} <= body.keys()
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["error"].keys() == {"message", "type", "param", "code"}
    return body


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"prompt": 5}', "/prompt"),
        (b'{"prompt": ""}', "/prompt"),
        (b"{}", "/prompt"),
        (b'{"prompt": "x", "modle": "y"}', "/modle"),
        (b'{"prompt": "x", "temperature": 9}', "/temperature"),
        (b'{"prompt": "x", "temperature": "hot"}', "/temperature"),
        (b'{"prompt": "x", "max_tokens": 0}', "/max_tokens"),
        (b'{"prompt": "x", "similarity_threshold": 1.5}', "/similarity_threshold"),
        (b'{"prompt": "x", "cache": {"ttl": 0}}', "/cache/ttl"),
        (b'{"prompt": "x", "cache": {"mode": "fuzzy"}}', "/cache/mode"),
        (b'{"prompt": "x", "metadata": {"a": 1}}', "/metadata/..."),
    ],
)
def test_a_wrong_field_is_a_400_that_points_at_it(stack: Stack, body: bytes, pointer: str) -> None:
    """The pointer is a JSON pointer into what was sent."""
    with stack.client() as client:
        problem = assert_problem(client.post("/v1/query", content=body), 400, "invalid_request")
    [error] = problem["errors"]
    assert error["pointer"] == pointer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b'{"prompt": "x"} trailing',
        b'{"prompt": "\xff"}',
        b'{"prompt": "\xed\xa0\x80"}',
        b'{"prompt": "x", "temperature": NaN}',
        b'{"prompt": "x", "temperature": 1e999}',
        b'{"prompt": "x", "metadata": ' + b'{"a":' * 200_000,
        b"[" * 200_000,
    ],
)
def test_malformed_bodies_are_400_and_never_500(stack: Stack, body: bytes) -> None:
    """Invalid UTF-8, bottomless nesting and numbers that JSON does not have among them."""
    with stack.client() as client:
        assert_problem(client.post("/v1/query", content=body), 400, "invalid_request")


def test_refusals_name_what_was_wrong(stack: Stack) -> None:
    """Unknown model, unknown job, unknown address, wrong method, too large."""
    with stack.client() as client:
        model = assert_problem(
            client.post("/v1/query", json={"prompt": "x", "model": "gpt-9"}), 404, "model_not_found"
        )
        assert "gpt-9" in str(model["detail"])
        assert "openai/gpt-oss-20b" in str(model["detail"])
        assert_problem(client.get("/v1/jobs/unknown"), 404, "job_not_found")
        assert_problem(client.get("/v2/query"), 404, "not_found")
        assert_problem(client.delete("/v1/query"), 405, "method_not_allowed")
        assert_problem(client.post("/v1/query", json={"prompt": "x" * 1_100_000}), 413, "request_too_large")
        chunks = (b"x" * 100_000 for _ in range(12))
        assert_problem(client.post("/v1/query", content=chunks), 413, "request_too_large")


def test_even_a_refused_request_tells_the_rate_and_costs_a_token(stack: Stack) -> None:
    """Malformed requests are not a way around the limit."""
    with stack.client() as client:
        before = client.post("/v1/query", content=b"{")
        after = client.post("/v1/query", content=b"{")
    assert float(after.headers["x-ratelimit-remaining"]) <= float(before.headers["x-ratelimit-remaining"])
    assert "ratelimit-policy" in after.headers


@pytest.fixture
def lone(tmp_path: Path, local_model: Path) -> Iterator[Stack]:
    """A product of the test's own, to be broken; small bucket, short drain."""
    with running(
        tmp_path, SENTINEL_RATE_CAPACITY="30", SENTINEL_RATE_REFILL_PER_S="0.5", SENTINEL_DRAIN_S="5"
    ) as stack:
        yield stack


def test_an_empty_bucket_is_a_429_with_the_true_wait(lone: Stack) -> None:
    """The limit is per key: another key is not affected."""
    with lone.client() as client:
        client.post("/v1/query", json={"prompt": "limits?"})
        answers = [client.post("/v1/query", json={"prompt": "limits?"}) for _ in range(40)]
        refused = [a for a in answers if a.status_code == 429]
        assert 8 <= len(refused) <= 11
        assert_problem(refused[-1], 429, "rate_limit_exceeded")
        assert refused[-1].headers["retry-after"] in {"1", "2"}
        assert refused[-1].headers["x-ratelimit-remaining"] == "0"
        assert refused[-1].headers["ratelimit"].startswith('"default";r=0;t=')
        assert refused[-1].json()["violated-policies"] == ["default"]
        polled = client.get("/v1/jobs/unknown")
    assert polled.status_code == 404, "reading a job costs no token"


def test_redis_down_or_paused_is_a_503_within_a_second_and_passes(lone: Stack) -> None:
    """Nothing hangs, nothing exits, and service resumes by itself (G5)."""
    with lone.client() as client:
        assert client.post("/v1/query", json={"prompt": "before"}).status_code == 200
        for trouble, end in ((lone.queue.pause, lone.queue.resume), (lone.queue.kill, lone.queue.start)):
            trouble()
            started = time.monotonic()
            refused = client.post("/v1/query", json={"prompt": "during"})
            elapsed = time.monotonic() - started
            assert_problem(refused, 503, "redis_unavailable")
            assert refused.headers["retry-after"] == "1"
            assert elapsed < 1
            assert client.get("/livez").status_code == 200
            assert client.get("/readyz").status_code == 503
            end()
            wait_until(lambda: client.get("/readyz").status_code == 200, "ready again")
            question = {"prompt": f"after {uuid.uuid4().hex}"}
            assert client.post("/v1/query", json=question).status_code == 200
    assert all(p.popen.poll() is None for p in lone.processes)


def test_sigterm_finishes_what_is_in_flight_and_refuses_what_is_new(lone: Stack) -> None:
    """G9: readiness off, new work 503, a waiting caller leaves with its job's id, exit code 0."""
    lone.script({"match": {"contains": "slow"}, "latency_ms": 1000})
    [ingress] = lone.named("ingress")
    with lone.client() as client, lone.client() as observer:
        assert observer.get("/readyz").status_code == 200
        with client.stream("GET", "/livez"):
            pass
        accepted = client.post("/v1/query", json={"prompt": "slow"}, headers={"Prefer": "respond-async"})
        location = accepted.headers["location"]
        poll = httpx.Request("GET", lone.urls[0] + location + "?wait=30", headers={"X-API-Key": USER_KEY})
        with _waiting(poll) as waiting:
            wait_until(lambda: _in_flight(observer) >= 2, "the poll is in flight")
            ingress.popen.send_signal(signal.SIGTERM)
            released = waiting()
        assert released.status_code == 200
        assert released.json()["status"] in {"queued", "in_progress"}
    assert ingress.popen.wait(10) == 0
    lone.add_ingress()
    with lone.client(ingress=1) as client:
        assert client.get(location, params={"wait": 20}).json()["status"] == "completed"
    assert len(lone.calls()) == 1


def test_a_stopped_worker_finishes_its_jobs_or_hands_them_back(lone: Stack) -> None:
    """Within the drain time it finishes; past it another worker takes over, and no try is counted (G9)."""
    lone.script({"match": {"contains": "long"}, "latency_ms": 60_000, "times": 1})
    [first] = lone.named("worker")
    with lone.client() as client:
        accepted = client.post("/v1/query", json={"prompt": "long"}, headers={"Prefer": "respond-async"})
        location = accepted.headers["location"]
        lone.wait_for_calls(1)
        first.popen.send_signal(signal.SIGTERM)
        assert first.popen.wait(10) == 0
        assert client.get(location).json()["status"] == "queued"
        lone.add_worker()
        settled = client.get(location, params={"wait": 20}).json()
    assert settled["status"] == "completed"


def test_a_killed_workers_job_is_run_again(lone: Stack) -> None:
    """At-least-once: the lease ends, another claims, the caller notices nothing but time (G1, G3)."""
    lone.script({"match": {"contains": "doomed"}, "latency_ms": 60_000, "times": 1})
    [first] = lone.named("worker")
    with lone.client() as client:
        accepted = client.post("/v1/query", json={"prompt": "doomed"}, headers={"Prefer": "respond-async"})
        location = accepted.headers["location"]
        lone.wait_for_calls(1)
        first.popen.kill()
        lone.add_worker()
        settled = client.get(location, params={"wait": 20}).json()
    assert settled["status"] == "completed"


def test_logs_are_json_that_joins_on_ids_and_hold_neither_prompts_nor_keys(lone: Stack) -> None:
    """A canary in the prompt, in the metadata and in the keys must not turn up."""
    canary = "canary-7f3a"
    with lone.client() as client:
        answer = client.post("/v1/query", json={"prompt": f"{canary}?", "metadata": {"note": canary}})
        client.post("/v1/query", content=b'{"prompt": "' + canary.encode() + b'", "wrong": 1}')
        client.post("/v1/query", json={"prompt": canary}, headers={"X-API-Key": f"{canary}-key"})
    ours = [p for p in lone.processes if p.name != "simulator"]
    job_id = answer.json()["id"]
    wait_until(lambda: all(job_id in p.log.read_text() for p in ours), "both sides have logged the job")
    for process in ours:
        text = process.log.read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        assert canary not in text
        assert USER_KEY not in text
        assert "provider-key-for-tests" not in text
        joined = [line for line in lines if line.get("job_id") == job_id]
        assert {line["request_id"] for line in joined} == {answer.headers["x-request-id"]}


def _in_flight(client: httpx.Client) -> int:
    body: dict[str, int] = client.get("/readyz?verbose").json()
    return body["in_flight"]


class _waiting:  # noqa: N801 - reads as a sentence where it is used
    """Sends a request from a thread; calling it waits for the response."""

    def __init__(self, request: httpx.Request) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._request = request

    def __enter__(self) -> Self:
        self._client = httpx.Client(timeout=40)
        self._future = self._pool.submit(self._client.send, self._request)
        return self

    def __call__(self) -> httpx.Response:
        return self._future.result(40)

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._pool.shutdown()
