"""The real process, spoken to by the real client libraries."""

import groq
import httpx
import openai
import pytest

from simulator.answers import answer_to

MODEL = "openai/gpt-oss-20b"
QUESTION = "Why is the sky blue?"
EXPECTED = answer_to(MODEL, [{"role": "user", "content": QUESTION}])


def test_the_groq_library_completes_and_streams(url: str) -> None:
    """It adds /openai/v1 to its base address."""
    with groq.Groq(api_key="k", base_url=url, max_retries=0) as client:
        whole = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        assert whole.choices[0].message.content == EXPECTED
        assert whole.usage is not None
        assert whole.usage.total_time is not None
        with client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": QUESTION}], stream=True
        ) as stream:
            chunks = list(stream)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == EXPECTED
        assert chunks[-1].x_groq is not None
        assert chunks[-1].x_groq.usage is not None
        assert chunks[-1].x_groq.usage.total_tokens == whole.usage.total_tokens
        assert {model.id for model in client.models.list().data} >= {MODEL}


def test_the_openai_library_completes_streams_and_embeds(url: str) -> None:
    """It asks for base64 vectors by itself."""
    with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=0) as client:
        whole = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        assert whole.choices[0].message.content == EXPECTED
        with client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": QUESTION}],
            stream=True,
            stream_options={"include_usage": True},
        ) as stream:
            chunks = list(stream)
        told = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
        assert told == EXPECTED
        assert chunks[-1].usage is not None
        assert whole.usage is not None
        assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
        vectors = client.embeddings.create(model="jina-embeddings-v3", input=["a", "b"])
        assert [len(item.embedding) for item in vectors.data] == [1024, 1024]


def test_the_libraries_recognise_errors(url: str, http: httpx.Client) -> None:
    """Each status becomes the exception that users catch."""
    with groq.Groq(api_key="k", base_url=url, max_retries=0) as client:
        with pytest.raises(groq.NotFoundError, match="does not exist"):
            client.chat.completions.create(model="gone", messages=[{"role": "user", "content": QUESTION}])
        http.put("/_simulator/script", json=[{"fault": "status:429", "retry_after_s": 7}])
        with pytest.raises(groq.RateLimitError) as caught:
            client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": QUESTION}])
        assert caught.value.response.headers["retry-after"] == "7"
