"""Batches through real processes: the same cache, limits and fleet, and nothing lost when one dies."""

import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from redis import Redis

from shared.redis import keys
from simulator.answers import answer_to
from tests.support.stack import OTHER_KEY, Stack, running, wait_until

MODEL = "openai/gpt-oss-20b"
Line = dict[str, Any]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Two ingresses, one of which will be killed, and a narrow window."""
    folder = tmp_path_factory.mktemp("batches")
    with running(folder, ingresses=2, workers=1, SENTINEL_BATCH_WINDOW="4") as stack:
        yield stack


def unique(text: str) -> str:
    """A question that nobody has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def answer(question: str) -> str:
    """What the simulator says to it."""
    return answer_to(MODEL, [{"role": "user", "content": question}])


def chat(name: str, question: str, **members: Any) -> Line:
    """A line that asks a chat completion."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": question}], **members}
    return {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}


def query(name: str, question: str, **members: Any) -> Line:
    """A line that asks a query."""
    return {"custom_id": name, "url": "/v1/query", "body": {"prompt": question, **members}}


def hand_in(http: httpx.Client, lines: list[Line]) -> Line:
    """Post a batch."""
    body = b"\n".join(map(msgspec.json.encode, lines))
    accepted = http.post("/v1/batches", content=body, headers={"Content-Type": "application/jsonl"})
    assert accepted.status_code == 202, accepted.text
    batch: Line = accepted.json()
    assert accepted.headers["Location"] == batch["urls"]["self"]
    return batch


def ended(http: httpx.Client, batch: Line) -> Line:
    """The batch once it is over."""
    wait_until(lambda: http.get(batch["urls"]["self"]).json()["status"] in {"completed", "cancelled"}, "over")
    now: Line = http.get(batch["urls"]["self"]).json()
    return now


def results(http: httpx.Client, batch: Line) -> list[Line]:
    """What came of its lines so far."""
    return [msgspec.json.decode(line) for line in http.get(batch["urls"]["results"]).content.splitlines()]


def test_each_line_has_the_answer_that_it_would_have_had_alone(stack: Stack) -> None:
    """In their order; twins are bought once, what is known comes from the cache, bad lines fail alone."""
    known, new = unique("Known?"), unique("New?")
    with stack.client() as http:
        http.post("/v1/query", json={"prompt": known, "model": MODEL}).raise_for_status()
        lines = [
            *(query("hit", known), chat("new", new), chat("twin", new)),
            *(query("bad", unique("x"), temperature=9), chat("streamed", new, stream=True)),
            chat("unknown", new, model="nonesuch"),
            # A batch may be larger than a request.
            query("long", "x" * 1_100_000, temperature=9),
        ]
        batch = hand_in(http, lines)
        over = ended(http, batch)
        found = results(http, batch)
        assert http.get("/v1/batches").json()["data"][0]["id"] == batch["id"]
    assert over["request_counts"] == {"total": 7, "completed": 3, "failed": 4}
    assert [line["custom_id"] for line in found] == [line["custom_id"] for line in lines]
    said = {line["custom_id"]: line["response"] for line in found}
    assert said["hit"]["body"]["output"]["text"] == answer(known)
    assert said["hit"]["body"]["cache"]["type"] == "exact"
    for name in ("new", "twin"):
        assert said[name]["body"]["object"] == "chat.completion"
        assert said[name]["body"]["choices"][0]["message"]["content"] == answer(new)
    assert [said[name]["status_code"] for name in ("bad", "streamed", "unknown", "long")] == [
        400,
        400,
        404,
        400,
    ]
    assert said["bad"]["body"]["error"]["param"] == "temperature"
    assert len(stack.calls()) == 2


def test_a_batch_of_another_tenant_is_as_unknown_as_none(stack: Stack) -> None:
    """To read, to cancel, to list; and what is no batch is refused."""
    with stack.client() as http, stack.client(key=OTHER_KEY) as other:
        batch = hand_in(http, [query("a", unique("Mine?"))])
        assert other.get(batch["urls"]["self"]).json()["code"] == "batch_not_found"
        assert other.get(batch["urls"]["results"]).status_code == 404
        assert other.post(batch["urls"]["cancel"]).status_code == 404
        assert other.get("/v1/batches").json()["data"] == []
        again = {"Idempotency-Key": uuid.uuid4().hex}
        line = msgspec.json.encode(query("a", unique("Once?")))
        ids = [http.post("/v1/batches", content=line, headers=again).json()["id"] for _ in range(2)]
        assert len(set(ids)) == 1
        refused = http.post("/v1/batches", content=b'{"custom_id": "a"}')
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")


def test_a_cancelled_batch_keeps_what_is_done_and_asks_no_more(stack: Stack) -> None:
    """Lines under way end by themselves."""
    stack.script({"latency_ms": 300})
    with stack.client() as http:
        batch = hand_in(http, [query(str(n), unique("Cancelled?")) for n in range(40)])
        stack.wait_for_calls(4)
        assert http.post(batch["urls"]["cancel"]).json()["status"] == "cancelling"
        over = ended(http, batch)
        found = results(http, batch)
    assert over["status"] == "cancelled"
    assert 4 <= len(found) == over["request_counts"]["completed"] < 40
    assert {line["response"]["status_code"] for line in found} == {200}


def test_a_killed_ingress_costs_a_batch_nothing(stack: Stack) -> None:
    """Another one feeds on: each line has one result, and was bought once."""
    stack.script({"latency_ms": 150})
    questions = [unique("Who feeds?") for _ in range(24)]
    with stack.client(0) as http:
        batch = hand_in(http, [chat(str(n), question) for n, question in enumerate(questions)])
    stack.wait_for_calls(6)
    survivor = 1 - _kill_the_feeder(stack, batch["id"])
    with stack.client(survivor) as http:
        partial = results(http, batch)
        over = ended(http, batch)
        found = results(http, batch)
    assert over["request_counts"] == {"total": 24, "completed": 24, "failed": 0}
    assert found[: len(partial)] == partial or len(partial) < 24
    assert [line["custom_id"] for line in found] == [str(n) for n in range(24)]
    texts = [line["response"]["body"]["choices"][0]["message"]["content"] for line in found]
    assert texts == [answer(question) for question in questions]
    assert len(stack.calls()) == 24


def _kill_the_feeder(stack: Stack, batch_id: str) -> int:
    """Kill the ingress that feeds a batch; returns its number."""
    with Redis.from_url(stack.queue.url) as redis:
        feeder = redis.hget(keys.batch_feeders(), batch_id)
    assert isinstance(feeder, bytes)
    pid = int(feeder.decode().rsplit("-", 2)[1])
    ingresses = stack.named("ingress")
    number = next(n for n, process in enumerate(ingresses) if process.popen.pid == pid)
    ingresses[number].stop(signal.SIGKILL)
    return number
