"""Chat completions over ASGI: what Groq answers and what it refuses."""

import json
from typing import Any

import httpx
import pytest

from simulator.answers import answer_to
from simulator.simulation import Simulation

pytestmark = pytest.mark.anyio
MODEL = "openai/gpt-oss-20b"
MESSAGES = [{"role": "user", "content": "Why is the sky blue?"}]
PATH = "/openai/v1/chat/completions"


def body(**more: Any) -> dict[str, Any]:
    """Give a request body."""
    return {"model": MODEL, "messages": MESSAGES} | more


def events(response: httpx.Response) -> list[dict[str, Any]]:
    """Decode the events of a stream that ended properly."""
    lines = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize("path", [PATH, "/v1/chat/completions"])
async def test_a_completion_has_groqs_shape(client: httpx.AsyncClient, path: str) -> None:
    """Clients read the text, the usage and its times."""
    response = await client.post(path, json=body())
    assert response.status_code == 200
    assert response.headers["x-sentinel-simulated"] == "true"
    reply = response.json()
    assert reply["object"] == "chat.completion"
    assert reply["model"] == MODEL
    assert reply["created"] == 1_000
    assert reply["x_groq"]["id"].startswith("req_")
    assert reply["system_fingerprint"]
    choice = reply["choices"][0]
    assert choice["message"] == {"role": "assistant", "content": answer_to(MODEL, MESSAGES)}
    assert choice["finish_reason"] == "stop"
    usage = reply["usage"]
    assert usage["prompt_tokens"] == 5 + 4 + 3
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert {"queue_time", "prompt_time", "completion_time", "total_time"} < usage.keys()
    assert "prompt_tokens_details" not in usage


async def test_a_stream_says_role_text_reason_and_usage(client: httpx.AsyncClient) -> None:
    """Usage rides in x_groq of the event that ends the text."""
    response = await client.post(PATH, json=body(stream=True))
    assert response.headers["content-type"].startswith("text/event-stream")
    told = events(response)
    deltas = [event["choices"][0]["delta"] for event in told]
    assert deltas[0]["role"] == "assistant"
    assert len(deltas) > 5
    assert "".join(delta.get("content", "") for delta in deltas) == answer_to(MODEL, MESSAGES)
    assert [event["choices"][0]["finish_reason"] for event in told[-2:]] == [None, "stop"]
    assert told[-1]["x_groq"]["usage"]["total_tokens"] > 0
    assert len({event["id"] for event in told}) == 1


async def test_a_stream_tells_its_usage_apart_when_asked(client: httpx.AsyncClient) -> None:
    """OpenAI's option adds an event without choices."""
    response = await client.post(PATH, json=body(stream=True, stream_options={"include_usage": True}))
    told = events(response)
    assert told[-1]["choices"] == []
    assert told[-1]["usage"] == told[-2]["x_groq"]["usage"]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
async def test_a_limit_cuts_the_answer(client: httpx.AsyncClient, field: str) -> None:
    """The reason tells that there was more."""
    choice = (await client.post(PATH, json=body(**{field: 3}))).json()["choices"][0]
    assert choice["message"]["content"] == "[simulated] "
    assert choice["finish_reason"] == "length"


async def test_an_unknown_model_is_refused_in_groqs_words(client: httpx.AsyncClient) -> None:
    """The gateway recognises this refusal by its code."""
    response = await client.post(PATH, json=body(model="llama-3.1-8b-instant"))
    assert response.status_code == 404
    assert response.json() == {
        "error": {
            "message": "The model `llama-3.1-8b-instant` does not exist or you do not have access to it.",
            "type": "invalid_request_error",
            "code": "model_not_found",
        }
    }


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "\xff"}',
        b"[" * 100_000,
        json.dumps(body(messages=[])).encode(),
        json.dumps(body(messages=[{"role": "robot", "content": "x"}])).encode(),
        json.dumps(body(messages=[{"role": "user", "content": "x", "name": "n"}])).encode(),
        json.dumps(body(n=2)).encode(),
        json.dumps(body(temperature=3)).encode(),
        json.dumps(body(logprobs=True)).encode(),
        json.dumps(body(reasoning_effort="none")).encode(),
        json.dumps(body(max_tokens=0)).encode(),
    ],
)
async def test_a_bad_body_is_refused_in_openais_shape(client: httpx.AsyncClient, content: bytes) -> None:
    """Whatever is wrong, the client reads a reason."""
    response = await client.post(PATH, content=content)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert response.json()["error"]["message"]


@pytest.mark.parametrize("authorization", ["", "Bearer ", "Basic abc"])
async def test_a_missing_key_is_refused(client: httpx.AsyncClient, authorization: str) -> None:
    """Any bearer key is accepted, none is not."""
    response = await client.post(PATH, json=body(), headers={"authorization": authorization})
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "invalid_api_key"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", PATH, 405), ("POST", "/v1/nothing", 404)])
async def test_other_requests_are_refused(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """They are calls too, and recorded."""
    response = await client.request(method, path)
    assert response.status_code == status
    assert response.headers["x-sentinel-simulated"] == "true"


async def test_a_body_over_the_limit_is_refused(client: httpx.AsyncClient, simulation: Simulation) -> None:
    """Eight MiB fit, a byte more does not; the call is recorded all the same."""
    response = await client.post(PATH, content=b" " * (8 * 1024 * 1024 + 1))
    assert response.status_code == 413
    assert simulation.calls.since(0)[0].status == 413


@pytest.mark.parametrize("path", ["/openai/v1/models", "/v1/models"])
async def test_models_are_listed(client: httpx.AsyncClient, path: str) -> None:
    """The gateway's doctor looks for its model here."""
    reply = (await client.get(path)).json()
    assert [model["id"] for model in reply["data"]] == ["openai/gpt-oss-20b", "openai/gpt-oss-120b"]
