"""Embeddings over ASGI: what Jina answers and what it refuses."""

import base64
import math
import struct
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio
PATH = "/v1/embeddings"


def body(texts: Any = "Why is the sky blue?", **more: Any) -> dict[str, Any]:
    """Give a request body."""
    return {"model": "jina-embeddings-v3", "input": texts} | more


async def test_vectors_come_in_the_order_of_their_texts(client: httpx.AsyncClient) -> None:
    """Usage is the sum over the batch."""
    response = await client.post(
        PATH, json=body(["one", {"text": "two"}, "one"], normalized=True, task="text-matching")
    )
    reply = response.json()
    assert response.headers["x-sentinel-simulated"] == "true"
    assert reply["object"] == "list"
    assert reply["usage"]["total_tokens"] == 3
    assert [item["index"] for item in reply["data"]] == [0, 1, 2]
    first, second, third = (item["embedding"] for item in reply["data"])
    assert first == third != second
    assert len(first) == 1024
    assert math.isclose(math.fsum(number * number for number in first), 1.0)


async def test_vectors_are_not_normalized_unless_asked(client: httpx.AsyncClient) -> None:
    """A client that forgets to ask must notice."""
    reply = (await client.post(PATH, json=body())).json()
    assert math.fsum(number * number for number in reply["data"][0]["embedding"]) > 2


@pytest.mark.parametrize("field", ["embedding_type", "encoding_format"])
async def test_base64_holds_the_same_floats(client: httpx.AsyncClient, field: str) -> None:
    """Little-endian 32-bit floats, under Jina's name or OpenAI's."""
    plain = (await client.post(PATH, json=body(dimensions=64))).json()["data"][0]["embedding"]
    coded = (await client.post(PATH, json=body(dimensions=64) | {field: "base64"})).json()
    numbers = struct.unpack("<64f", base64.b64decode(coded["data"][0]["embedding"]))
    assert numbers == pytest.approx(plain)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body([]), 422),
        (body(7), 422),
        (body(["x"] * 513), 422),
        (body(dimensions=0), 422),
        (body(dimensions=1025), 422),
        (body(task="guess"), 422),
        (body(embedding_type="ubinary"), 422),
        (body(model="jina-embeddings-v0"), 400),
        (body("x" * 40_000), 400),
    ],
)
async def test_a_bad_body_is_refused_in_jinas_shape(
    client: httpx.AsyncClient, sent: dict[str, Any], status: int
) -> None:
    """The reason is Jina's `detail`."""
    response = await client.post(PATH, json=sent)
    assert response.status_code == status
    assert response.json().keys() == {"detail"}


async def test_a_long_text_is_truncated_when_allowed(client: httpx.AsyncClient) -> None:
    """Usage counts what was embedded."""
    reply = (await client.post(PATH, json=body("word " * 20_000, truncate=True))).json()
    assert reply["usage"]["total_tokens"] == 8192


async def test_a_missing_key_is_refused_in_jinas_shape(client: httpx.AsyncClient) -> None:
    """No key, no vectors."""
    response = await client.post(PATH, json=body(), headers={"authorization": ""})
    assert response.status_code == 401
    assert response.json().keys() == {"detail"}
