"""A job as events: from its place in the queue to its end, resumed anywhere."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from simulator.answers import answer_to
from tests.support.stack import OTHER_KEY, Stack

MODEL = "openai/gpt-oss-20b"
EVENTS = {"Accept": "text/event-stream"}
Event = dict[str, Any]


def unique(text: str) -> str:
    """A question that nobody has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def answer(question: str) -> str:
    """What the simulator says to it."""
    return answer_to(MODEL, [{"role": "user", "content": question}])


def read(response: httpx.Response) -> Iterator[Event]:
    """The events of a response as they come; heartbeats and retry hints are none."""
    event: Event = {}
    for line in response.iter_lines():
        if not line and "data" in event:
            yield event
        if not line:
            event = {}
            continue
        name, _, value = line.partition(": ")
        if name in ("event", "id"):
            event[name] = value
        elif name == "data":
            event["data"] = msgspec.json.decode(value)


def said(events: list[Event]) -> str:
    """The text of all deltas."""
    choices = [choice for one in events if one["event"] == "delta" for choice in one["data"]["choices"]]
    return "".join(choice["delta"].get("content", "") for choice in choices)


def test_a_question_is_followed_from_the_queue_to_its_answer(stack: Stack) -> None:
    """In this order, and the deltas are the answer."""
    question = unique("What happens?")
    with (
        stack.client() as http,
        http.stream("POST", "/v1/query", json={"prompt": question}, headers=EVENTS) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["x-accel-buffering"] == "no"
        events = list(read(response))
    names = [event["event"] for event in events]
    assert names[0] == "queued"
    assert events[0]["data"]["position"] >= 1
    assert names[1:3] == ["started", "cache"]
    assert events[2]["data"]["status"] == "miss"
    assert set(names[3:-1]) == {"delta"}
    assert names[-1] == "completed"
    assert said(events) == answer(question) == events[-1]["data"]["output"]["text"]
    assert events[-1]["data"]["cache"]["status"] == "miss"


def test_a_hit_is_its_verdict_and_its_answer(stack: Stack) -> None:
    """There is nothing to follow."""
    question = unique("Known?")
    with stack.client() as http:
        http.post("/v1/query", json={"prompt": question}).raise_for_status()
        with http.stream("POST", "/v1/query", json={"prompt": question}, headers=EVENTS) as response:
            verdict, event = read(response)
    assert (verdict["event"], verdict["data"]["type"]) == ("cache", "exact")
    assert event["event"] == "completed"
    assert event["data"]["cache"]["type"] == "exact"


def test_a_lost_stream_is_resumed_on_another_ingress_without_a_gap_or_a_repeat(stack: Stack) -> None:
    """From the last event that arrived; the question is not asked again."""
    question = unique("Where were we?")
    stack.script({"match": {"contains": question}, "tokens_per_second": 20})
    with (
        stack.client(0) as http,
        http.stream("POST", "/v1/query", json={"prompt": question}, headers=EVENTS) as response,
    ):
        first: list[Event] = []
        for event in read(response):
            first.append(event)
            if sum(one["event"] == "delta" for one in first) == 3:
                break
    job_id = first[0]["data"]["job_id"]
    with stack.client(1) as http:
        headers = {"Last-Event-ID": first[-1]["id"]}
        with http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers) as response:
            second = list(read(response))
        assert said(first) + said(second) == answer(question)
        assert second[-1]["event"] == "completed"
        after = http.get(f"/v1/jobs/{job_id}/events", headers={"Last-Event-ID": second[-1]["id"]})
        assert after.status_code == 204
        with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            assert said(list(read(response))) == answer(question)
    assert len(stack.calls()) == 1


def test_a_failure_is_an_event_with_its_reason(stack: Stack) -> None:
    """The job as it can be read afterwards."""
    question = unique("Will it fail?")
    stack.script({"match": {"contains": question}, "fault": "status:500"})
    with (
        stack.client() as http,
        http.stream("POST", "/v1/query", json={"prompt": question}, headers=EVENTS) as response,
    ):
        events = list(read(response))
    assert events[-1]["event"] == "failed"
    assert events[-1]["data"]["error"]["code"] == "upstream_unavailable"


def test_a_cancelled_job_tells_its_followers(stack: Stack) -> None:
    """Whoever still listens hears that it is over."""
    question = unique("Shall we stop?")
    stack.script({"match": {"contains": question}, "latency_ms": 20_000})
    with stack.client() as http:
        job_id = http.post(
            "/v1/query", json={"prompt": question}, headers={"Prefer": "respond-async"}
        ).json()["id"]
        stack.wait_for_calls(1)
        with http.stream("GET", f"/v1/jobs/{job_id}/events") as response:
            following = read(response)
            assert next(following)["event"] == "started"
            canceller = threading.Thread(target=_leave, args=(stack, job_id))
            canceller.start()
            del following
        canceller.join()
        assert http.get(f"/v1/jobs/{job_id}", params={"wait": 10}).json()["status"] == "cancelled"


def test_another_tenants_job_is_as_unknown_as_none(stack: Stack) -> None:
    """Also as events."""
    with stack.client() as http:
        job_id = http.post("/v1/query", json={"prompt": unique("Mine?")}).json()["id"]
    with stack.client(key=OTHER_KEY) as http:
        assert http.get(f"/v1/jobs/{job_id}/events").status_code == 404


def _leave(stack: Stack, job_id: str) -> None:
    with stack.client(1) as http:
        http.post(f"/v1/jobs/{job_id}/cancel")
