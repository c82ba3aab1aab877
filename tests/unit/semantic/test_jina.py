import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from shared import traceparent
from workers.semantic.batcher import Batcher
from workers.semantic.embedder import EmbedderError
from workers.semantic.jina import Jina

pytestmark = pytest.mark.anyio

KEY = "jina_secret"
GOOD: dict[str, Any] = {
    "model": "jina-embeddings-v3",
    "data": [
        {"object": "embedding", "index": 1, "embedding": [0, 2]},
        {"object": "embedding", "index": 0, "embedding": [3, 4]},
    ],
    "usage": {"total_tokens": 12, "prompt_tokens": 12},
}


def jina(answer: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Jina:
    """A client whose service always answers so."""

    def handle(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    http = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return Jina(KEY, http=http, base_url="http://jina.test/", dimensions=2)


async def test_the_request_is_the_documented_one() -> None:
    """Task, dimensions and normalisation are part of the vectors' identity."""
    seen: list[httpx.Request] = []
    embedder = jina(httpx.Response(200, json=GOOD), seen)
    await embedder.embed(["a", "b"])
    assert str(seen[0].url) == "http://jina.test/v1/embeddings"
    assert seen[0].headers["authorization"] == f"Bearer {KEY}"
    assert seen[0].headers["accept"] == "application/json"
    assert msgspec.json.decode(seen[0].content) == {
        "model": "jina-embeddings-v3",
        "task": "text-matching",
        "normalized": True,
        "truncate": True,
        "dimensions": 2,
        "embedding_type": "float",
        "input": ["a", "b"],
    }
    assert embedder.name == "jina-embeddings-v3/text-matching/2"


async def test_vectors_follow_the_index_not_the_order() -> None:
    """The service may answer in any order and any length."""
    embedded = await jina(httpx.Response(200, json=GOOD)).embed(["a", "b"])
    assert embedded.vectors.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 1]]
    assert (embedded.tokens, embedded.truncated) == (12, (False, False))


async def test_a_text_that_may_have_been_cut_is_reported() -> None:
    """Only a text longer than the limit, in a call that cost as much, can have been cut."""
    answer = httpx.Response(200, json=GOOD | {"usage": {"total_tokens": 8200}})
    assert (await jina(answer).embed(["a", "b" * 9000])).truncated == (False, True)


FAILURES: dict[str, httpx.Response | Exception] = {
    "too many": httpx.Response(429, json={"detail": KEY}),
    "broken": httpx.Response(500, text=KEY),
    "no json": httpx.Response(200, text="not json"),
    "no utf-8": httpx.Response(200, content=b'{"data": "\xff"}'),
    "deep": httpx.Response(200, text="[" * 60_000),
    "missing": httpx.Response(200, json=GOOD | {"data": GOOD["data"][:1]}),
    "repeated": httpx.Response(200, json=GOOD | {"data": [GOOD["data"][0]] * 2}),
    "short": httpx.Response(200, json=GOOD | {"data": [{"index": 0, "embedding": [1]}, GOOD["data"][0]]}),
    "zero": httpx.Response(200, json=GOOD | {"data": [{"index": 0, "embedding": [0, 0]}, GOOD["data"][0]]}),
    "text": httpx.Response(200, json=GOOD | {"data": [{"index": 0, "embedding": ["1", 0]}, GOOD["data"][0]]}),
    "no usage": httpx.Response(200, json={"data": GOOD["data"]}),
    "odd usage": httpx.Response(200, json=GOOD | {"usage": {"total_tokens": -1}}),
    "huge": httpx.Response(200, content=b" " * 200_000),
    "unreachable": httpx.ConnectError(f"no route for {KEY}"),
    "slow": httpx.ReadTimeout("slow"),
}


@pytest.mark.parametrize("answer", FAILURES.values(), ids=FAILURES.keys())
async def test_every_failure_is_an_embedder_error_without_the_key(answer: httpx.Response | Exception) -> None:
    """The caller skips the semantic step and may log the reason."""
    with pytest.raises(EmbedderError) as caught:
        await jina(answer).embed(["a", "b"])
    assert KEY not in caught.value.reason
    assert len(caught.value.reason) < 80


async def test_the_deadline_bounds_the_whole_call() -> None:
    """A service that never answers costs no more than the deadline (G5)."""

    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    http = httpx.AsyncClient(transport=httpx.MockTransport(hang))
    with pytest.raises(EmbedderError, match="timeout"):
        await Jina(KEY, http=http, deadline_s=0.01).embed(["a"])


async def test_only_an_own_client_is_closed() -> None:
    """The caller closes what the caller made."""
    http = httpx.AsyncClient()
    await Jina(KEY, http=http).aclose()
    assert not http.is_closed
    await http.aclose()
    own = Jina(KEY)
    await own.aclose()
    with pytest.raises(EmbedderError):
        await own.embed(["a"])


async def test_text_that_cannot_be_sent_is_an_embedder_error() -> None:
    """Half a surrogate pair has no UTF-8."""
    with pytest.raises(EmbedderError, match="transport"):
        await jina(httpx.Response(200, json=GOOD)).embed(["\ud800", "b"])


async def test_the_first_callers_trace_reaches_the_service() -> None:
    """A call is shared by several traces, and can name only one; the next call is another's."""
    seen: list[httpx.Request] = []
    batcher = Batcher(jina(httpx.Response(200, json=GOOD), seen), max_batch=2)
    places = [f"00-{number:032x}-00f067aa0ba902b7-01" for number in (1, 2, 3)]

    async def embed(place: str, *texts: str) -> None:
        traceparent.current.set(place)
        await batcher.embed(texts)

    await asyncio.gather(embed(places[0], "a"), embed(places[1], "b"), embed(places[2], "c", "d"))
    assert [request.headers["traceparent"] for request in seen] == [places[0], places[2]]
