"""What is asked of OpenAI-compatible embeddings, and under which name their vectors are kept."""

from typing import Any

import httpx
import msgspec
import pytest

from shared.errors import BadSetting
from workers.semantic.embedder import EmbedderError
from workers.semantic.jina import Jina
from workers.semantic.openai_embeddings import OpenAIEmbeddings

pytestmark = pytest.mark.anyio


def service(vector: str, seen: list[httpx.Request]) -> httpx.AsyncClient:
    """A service whose only vector is this JSON."""

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        body = f'{{"data": [{{"index": 0, "embedding": {vector}}}], "usage": {{"total_tokens": 2}}}}'
        return httpx.Response(200, text=body)

    return httpx.AsyncClient(transport=httpx.MockTransport(handle))


@pytest.mark.parametrize(
    ("model", "dimensions", "asked"),
    [
        ("text-embedding-3-small", None, {}),
        ("text-embedding-3-small", 3, {"dimensions": 3}),
        ("BAAI/bge-m3", 3, {}),
    ],
)
async def test_dimensions_are_asked_for_only_where_they_can_be(
    model: str, dimensions: int | None, asked: dict[str, Any]
) -> None:
    """A server of a model of fixed length refuses the parameter."""
    seen: list[httpx.Request] = []
    http = service(str([1] + [0] * ((dimensions or 1536) - 1)), seen)
    embedder = OpenAIEmbeddings(
        "key", model=model, dimensions=dimensions, http=http, base_url="http://e.test/v1/"
    )
    await embedder.embed(["a"])
    assert str(seen[0].url) == "http://e.test/v1/embeddings"
    assert seen[0].headers["authorization"] == "Bearer key"
    expected = {"model": model, "encoding_format": "float", "input": ["a"], **asked}
    assert msgspec.json.decode(seen[0].content) == expected
    assert embedder.name == f"{model}/{dimensions or 1536}"
    assert embedder.model == model


async def test_without_a_key_no_credentials_are_sent() -> None:
    """A server of one's own often has none."""
    seen: list[httpx.Request] = []
    embedder = OpenAIEmbeddings("", model="m", dimensions=2, http=service("[1, 0]", seen))
    await embedder.embed(["a"])
    assert "authorization" not in seen[0].headers


@pytest.mark.parametrize(
    "vector", ["[NaN, 1]", "[1e999, 1]", "[null, 1]", "[1]", "[1, 0, 0]", "[0, 0]", "[]"]
)
async def test_a_vector_that_is_none_is_refused(vector: str) -> None:
    """Not finite, of another length, or without a direction: it never reaches an index."""
    embedder = OpenAIEmbeddings("", model="m", dimensions=2, http=service(vector, []))
    with pytest.raises(EmbedderError):
        await embedder.embed(["a"])


async def test_an_unknown_model_must_say_its_dimensions() -> None:
    """They are the index's."""
    with pytest.raises(BadSetting, match="SENTINEL_EMBEDDER_DIMENSIONS"):
        OpenAIEmbeddings("", model="bge-m3")


@pytest.mark.parametrize(
    ("model", "dimensions", "name"),
    [
        ("jina-embeddings-v3", None, "jina-embeddings-v3/text-matching/1024"),
        ("jina-embeddings-v5-text-small", None, "jina-embeddings-v5-text-small/text-matching/1024"),
        ("jina-embeddings-v5-text-nano", None, "jina-embeddings-v5-text-nano/text-matching/768"),
        ("jina-embeddings-v5-text-nano", 256, "jina-embeddings-v5-text-nano/text-matching/256"),
    ],
)
async def test_jinas_models_have_their_own_lengths(model: str, dimensions: int | None, name: str) -> None:
    """Unless fewer are asked for; both are part of the vectors' identity."""
    embedder = Jina("key", model=model, dimensions=dimensions)
    assert embedder.name == name
    await embedder.aclose()
