"""Embeddings through OpenAI's client: bought once, stored, and the same however they are asked for."""

import asyncio
import uuid
from typing import Any

import openai
import pytest

from tests.support.stack import OTHER_KEY, USER_KEY, Stack

MODEL = "all-MiniLM-L6-v2"
DIMENSIONS = 384


def unique(text: str) -> str:
    """A text that nobody has embedded."""
    return f"{text} ({uuid.uuid4().hex})"


def client_of(stack: Stack, ingress: int = 0, key: str = USER_KEY) -> openai.OpenAI:
    """OpenAI's client."""
    return openai.OpenAI(base_url=f"{stack.urls[ingress]}/v1", api_key=key, max_retries=0)


def test_a_vector_is_bought_once_and_then_stored(stack: Stack) -> None:
    """By whichever ingress, as numbers or as base64, alone or among others; another tenant buys its own."""
    text, other = unique("Embed me."), unique("And me.")
    with client_of(stack) as one, client_of(stack, 1) as two, client_of(stack, key=OTHER_KEY) as stranger:
        bought: Any = one.embeddings.create(model=MODEL, input=text)
        numbers: Any = two.embeddings.create(model=MODEL, input=[other, text, text], encoding_format="float")
        again: Any = two.embeddings.create(model=MODEL, input=[text, other], dimensions=DIMENSIONS)
        foreign: Any = stranger.embeddings.create(model=MODEL, input=text)
    assert len(bought.data[0].embedding) == DIMENSIONS
    assert sum(number**2 for number in bought.data[0].embedding) == pytest.approx(1, abs=1e-4)
    assert numbers.data[1].embedding == pytest.approx(bought.data[0].embedding)
    assert numbers.data[1] != numbers.data[0]
    assert [one.index for one in numbers.data] == [0, 1, 2]
    told = [reply.model_extra["sentinel"]["cache"] for reply in (bought, numbers, again, foreign)]
    assert [(one["hits"], one["misses"]) for one in told] == [(0, 1), (1, 1), (2, 0), (0, 1)]
    assert again.usage.total_tokens == bought.usage.total_tokens + numbers.usage.total_tokens - 2 * (
        bought.usage.total_tokens
    )


@pytest.mark.anyio
async def test_twins_share_one_job(stack: Stack) -> None:
    """Over two ingresses."""
    texts = [unique("Twin.") for _ in range(3)]
    async with (
        openai.AsyncOpenAI(base_url=f"{stack.urls[0]}/v1", api_key=USER_KEY) as one,
        openai.AsyncOpenAI(base_url=f"{stack.urls[1]}/openai/v1", api_key=USER_KEY) as two,
    ):
        asked = [c.embeddings.create(model=MODEL, input=texts) for c in [one, two] * 5]
        replies: Any = await asyncio.gather(*asked)
    jobs = {reply.model_extra["sentinel"]["job_id"] for reply in replies}
    assert len(jobs - {None}) == 1
    with stack.client() as http:
        job = http.get(f"/v1/jobs/{(jobs - {None}).pop()}").json()
        assert (job["status"], job["output"]) == ("completed", None)
        assert http.get(f"/v1/chat/completions/{job['id']}").status_code == 404
        events = http.get(f"/v1/jobs/{job['id']}/events").text
    assert "event: completed" in events


def test_what_cannot_be_embedded_is_refused_by_name(stack: Stack) -> None:
    """Tokens, other models and other lengths; and what is not stored when nothing may be bought."""
    with client_of(stack) as client:
        with pytest.raises(openai.BadRequestError, match="tokens"):
            client.embeddings.create(model=MODEL, input=[1, 2, 3])
        with pytest.raises(openai.NotFoundError, match=MODEL):
            client.embeddings.create(model="text-embedding-3-small", input="x")
        with pytest.raises(openai.BadRequestError, match="384"):
            client.embeddings.create(model=MODEL, input=unique("x"), dimensions=7)
        with pytest.raises(openai.BadRequestError, match="longer"):
            client.embeddings.create(model=MODEL, input="word " * 2_000)
        with pytest.raises(openai.InternalServerError, match="only-if-cached"):
            client.embeddings.create(
                model=MODEL, input=unique("x"), extra_headers={"Cache-Control": "only-if-cached"}
            )
