"""Each fault over ASGI, in a document and in a stream."""

import json
from typing import Any

import httpx
import pytest

from simulator.simulation import Simulation

pytestmark = pytest.mark.anyio
PATH = "/openai/v1/chat/completions"
BODY = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Why?"}]}
STREAM = BODY | {"stream": True}


async def scripted(client: httpx.AsyncClient, sent: dict[str, Any], **rule: Any) -> httpx.Response:
    """Send a request under a script of one rule."""
    assert (await client.put("/_simulator/script", json=[rule])).status_code == 200
    return await client.post("/v1/embeddings" if "input" in sent else PATH, json=sent)


@pytest.mark.parametrize("sent", [BODY, STREAM])
@pytest.mark.parametrize("status", [429, 498, 500, 503])
async def test_a_status_is_an_error_in_groqs_shape(
    client: httpx.AsyncClient, sent: dict[str, Any], status: int
) -> None:
    """A stream that is refused is a plain document."""
    response = await scripted(client, sent, fault=f"status:{status}", retry_after_s=1.5)
    assert response.status_code == status
    assert response.headers["retry-after"] == "1.5"
    assert response.headers["x-sentinel-simulated"] == "true"
    assert response.json()["error"]["message"].startswith("[simulated]")


async def test_a_status_is_an_error_in_jinas_shape(client: httpx.AsyncClient) -> None:
    """Each provider has its own words."""
    response = await scripted(client, {"model": "jina-embeddings-v3", "input": "x"}, fault="status:500")
    assert response.json().keys() == {"detail"}


@pytest.mark.parametrize("fault", ["garbage", "truncate"])
async def test_a_broken_document_cannot_be_decoded(client: httpx.AsyncClient, fault: str) -> None:
    """The HTTP message itself is whole."""
    response = await scripted(client, BODY, fault=fault)
    assert response.status_code == 200
    with pytest.raises(ValueError, match=r"."):
        response.json()


async def test_a_truncated_stream_just_ends(client: httpx.AsyncClient) -> None:
    """Neither a reason nor the end marker comes."""
    response = await scripted(client, STREAM, fault="truncate", after_parts=3)
    assert response.text.count("data: ") == 3
    assert "[DONE]" not in response.text


async def test_wrong_types_are_valid_json(client: httpx.AsyncClient) -> None:
    """Only a reader that checks types notices."""
    assert (await scripted(client, BODY, fault="wrong_schema")).json()["choices"] == "none"
    assert '"choices":"none"' in (await scripted(client, STREAM, fault="wrong_schema")).text


async def test_an_empty_choice_is_whole_but_says_nothing(client: httpx.AsyncClient) -> None:
    """Usage is there, text is not."""
    reply = (await scripted(client, BODY, fault="empty_choice")).json()
    assert reply["choices"][0]["message"]["content"] == ""
    assert reply["usage"]["total_tokens"] > 0
    streamed = (await scripted(client, STREAM, fault="empty_choice")).text
    assert "simulated" not in streamed.replace("fp_simulated", "")
    assert streamed.endswith("data: [DONE]\n\n")


async def test_there_may_be_no_choice_at_all(client: httpx.AsyncClient) -> None:
    """For embeddings these are the vectors."""
    assert (await scripted(client, BODY, fault="no_choices")).json()["choices"] == []
    vectors = await scripted(client, {"model": "jina-embeddings-v3", "input": "x"}, fault="no_choices")
    assert vectors.json()["data"] == []


async def test_a_stream_may_break_with_an_error(client: httpx.AsyncClient) -> None:
    """The error comes as an event after some text."""
    text = (await scripted(client, STREAM, fault="stream_error", after_parts=2)).text
    assert [*json.loads(text.split("data: ")[3])] == ["error"]
    assert "[DONE]" not in text


@pytest.mark.parametrize("sent", [BODY, STREAM])
async def test_a_drip_is_the_same_reply(client: httpx.AsyncClient, sent: dict[str, Any]) -> None:
    """Only the time between its parts differs."""
    response = await scripted(client, sent, fault="drip", pause_ms=0)
    assert "finish_reason" in response.text


@pytest.mark.parametrize("sent", [BODY, STREAM])
async def test_an_oversize_reply_is_as_large_as_told(client: httpx.AsyncClient, sent: dict[str, Any]) -> None:
    """It is still well-formed, so that only a limit stops it."""
    response = await scripted(client, sent, fault="oversize", size_bytes=1_000_000)
    assert len(response.content) > 1_000_000
    if sent is BODY:
        assert response.json()["choices"]


async def test_headers_and_cached_tokens_can_be_scripted(
    client: httpx.AsyncClient, simulation: Simulation
) -> None:
    """Neither is a fault, and cached tokens are cheaper."""
    response = await scripted(client, BODY, headers={"X-RateLimit-Remaining-Tokens": "7"}, cached_tokens=3)
    assert response.headers["x-ratelimit-remaining-tokens"] == "7"
    assert response.json()["usage"]["prompt_tokens_details"] == {"cached_tokens": 3}
    (record,) = simulation.calls.since(0)
    assert record.fault is None
    assert record.usage is not None
    fresh = record.usage.prompt_tokens - 3
    expected = fresh * 75_000 + 3 * 37_500 + record.usage.completion_tokens * 300_000
    assert record.cost_picodollars == expected


async def test_a_cut_connection_is_lost(client: httpx.AsyncClient, simulation: Simulation) -> None:
    """Nothing was sent, so there is no status, no usage and no bill."""
    with pytest.raises(ConnectionResetError):
        await scripted(client, BODY, fault="close")
    (record,) = simulation.calls.since(0)
    assert (record.status, record.completed, record.usage, record.fault) == (None, False, None, "close")
    assert simulation.calls.tally.bill()["total_picodollars"] == 0
