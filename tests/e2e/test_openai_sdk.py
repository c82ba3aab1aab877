"""Existing clients with nothing changed but their base URL: OpenAI's and Groq's own SDKs."""

import asyncio
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import groq
import openai
import pytest

from simulator.answers import answer_to
from tests.support.stack import USER_KEY, Stack

MODEL = "openai/gpt-oss-20b"
EMBEDDER = "all-MiniLM-L6-v2"
TOOLS: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]


def ask_of(question: str) -> list[Any]:
    """A conversation of one question."""
    return [{"role": "user", "content": question}]


def unique(text: str) -> str:
    """A question that nobody has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def openai_client(stack: Stack, **options: Any) -> openai.OpenAI:
    """OpenAI's client, as its documentation makes one."""
    return openai.OpenAI(base_url=f"{stack.urls[0]}/v1", api_key=USER_KEY, **options)


def groq_client(stack: Stack, **options: Any) -> groq.Groq:
    """Groq's client, which appends /openai/v1 by itself."""
    return groq.Groq(base_url=stack.urls[0], api_key=USER_KEY, **options)


@pytest.mark.parametrize("make", [openai_client, groq_client])
def test_a_sdk_asks_and_asks_again_from_the_cache(stack: Stack, make: Any) -> None:
    """The same answer, bought once; the second says that it is a hit, and costs nothing."""
    question = unique("Which SDK is this?")
    with make(stack) as client:
        first = client.chat.completions.create(model=MODEL, messages=ask_of(question))
        second = client.chat.completions.create(model=MODEL, messages=ask_of(question))
    assert first.choices[0].message.content == answer_to(MODEL, ask_of(question))
    assert first.choices[0].finish_reason == "stop"
    assert first.choices == second.choices
    assert first.usage.total_tokens == second.usage.total_tokens > 0
    assert first.model_extra["sentinel"]["cache"]["status"] == "miss"
    told = second.model_extra["sentinel"]
    assert (told["cache"]["status"], told["cache"]["type"], told["cost_usd"]) == ("hit", "exact", 0)
    assert len(stack.calls()) == 1


def test_the_same_question_by_query_and_by_chat_is_one_question(stack: Stack) -> None:
    """One cache, however it is reached."""
    question = unique("Is it one cache?")
    with stack.client() as http:
        http.post("/v1/query", json={"prompt": question, "model": MODEL}).raise_for_status()
    with openai_client(stack) as client:
        answered: Any = client.chat.completions.create(model=MODEL, messages=ask_of(question))
    assert answered.model_extra["sentinel"]["cache"]["type"] == "exact"


@pytest.mark.anyio
async def test_async_clients_of_one_question_share_one_call(stack: Stack) -> None:
    """Twenty at once, of two makes."""
    question = unique("Shared?")
    async with (
        openai.AsyncOpenAI(base_url=f"{stack.urls[0]}/v1", api_key=USER_KEY) as one,
        groq.AsyncGroq(base_url=stack.urls[1], api_key=USER_KEY) as other,
    ):
        clients: list[Any] = [one, other] * 10
        answers = await asyncio.gather(
            *(c.chat.completions.create(model=MODEL, messages=ask_of(question)) for c in clients)
        )
    assert len({answer.choices[0].message.content for answer in answers}) == 1
    assert len(stack.calls()) == 1


def test_tool_calls_and_reasoning_pass_through_whole_and_tool_calls_are_not_stored(stack: Stack) -> None:
    """Acting again on an old answer may be wrong; reasoning is part of the answer."""
    question = unique("Look it up.")
    options: Any = {"tools": TOOLS, "tool_choice": "required"}
    with openai_client(stack) as client:
        for _ in range(2):
            called = client.chat.completions.create(model=MODEL, messages=ask_of(question), **options)
            [call] = called.choices[0].message.tool_calls or []
            assert call.function.name == "look_up"
            assert called.choices[0].finish_reason == "tool_calls"
            assert called.choices[0].message.content is None
    assert len(stack.calls()) == 2
    with groq_client(stack) as other:
        for _ in range(2):
            reasoned = other.chat.completions.create(
                model=MODEL, messages=ask_of(question), reasoning_format="parsed"
            )
            assert reasoned.choices[0].message.reasoning == "[simulated] reasoning"
    assert len(stack.calls()) == 3


def test_sdks_raise_their_own_errors_with_our_reason(stack: Stack) -> None:
    """The class that their users catch, the text that says what to do."""
    with openai_client(stack, max_retries=0) as client:
        with pytest.raises(openai.NotFoundError, match="does not offer 'nonesuch'"):
            client.chat.completions.create(model="nonesuch", messages=ask_of("x"))
        with pytest.raises(openai.BadRequestError, match="modalities") as refused:
            client.chat.completions.create(model=MODEL, messages=ask_of("x"), modalities=["text"])
        assert refused.value.param == "modalities"
        question = unique("Will it break?")
        stack.script({"match": {"contains": question}, "fault": "status:500"})
        with pytest.raises(openai.InternalServerError, match="500") as broken:
            client.chat.completions.create(model=MODEL, messages=ask_of(question))
        assert broken.value.code == "upstream_unavailable"
    with (
        openai.OpenAI(base_url=f"{stack.urls[0]}/v1", api_key="wrong") as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model=MODEL, messages=ask_of("x"))


def test_a_sdk_retries_what_can_be_retried_and_gets_its_answer(stack: Stack) -> None:
    """Its own retries follow our status and headers."""
    question = unique("Again?")
    stack.script({"match": {"contains": question}, "times": 1, "fault": "status:503"})
    with openai_client(stack) as client:
        answered = client.chat.completions.create(model=MODEL, messages=ask_of(question))
    assert answered.choices[0].message.content == answer_to(MODEL, ask_of(question))


def test_a_sdks_own_timeout_is_its_own_error_and_hurts_nobody_else(stack: Stack) -> None:
    """Whoever still waits for the flight gets the answer."""
    question = unique("Slow?")
    stack.script({"match": {"contains": question}, "latency_ms": 1_500})
    with (
        openai_client(stack, timeout=0.5, max_retries=0) as hasty,
        groq_client(stack) as patient,
        ThreadPoolExecutor() as threads,
    ):
        waiting = threads.submit(patient.chat.completions.create, model=MODEL, messages=ask_of(question))
        stack.wait_for_calls(1)
        with pytest.raises(openai.APITimeoutError):
            hasty.chat.completions.create(model=MODEL, messages=ask_of(question))
        answered = waiting.result()
    assert answered.choices[0].message.content == answer_to(MODEL, ask_of(question))
    assert len(stack.calls()) == 1


def test_models_are_listed_and_read(stack: Stack) -> None:
    """The default first; names with slashes are names."""
    with openai_client(stack) as client:
        assert [model.id for model in client.models.list()] == [MODEL, "openai/gpt-oss-120b", EMBEDDER]
        assert client.models.retrieve(EMBEDDER).owned_by == "local"
        assert client.models.retrieve(MODEL).owned_by == "simulator"
    with groq_client(stack) as other:
        assert other.models.list().data[0].id == MODEL


def test_async_on_request_is_a_job(stack: Stack) -> None:
    """`Prefer: respond-async` answers 202 with where to look; nobody else ever gets a 202 here."""
    question = unique("Later?")
    body = {"model": MODEL, "messages": ask_of(question)}
    with stack.client() as http:
        accepted = http.post("/v1/chat/completions", json=body, headers={"Prefer": "respond-async"})
        assert accepted.status_code == 202
        assert accepted.headers["Preference-Applied"] == "respond-async"
        job = http.get(accepted.headers["Location"], params={"wait": 20}).json()
        assert job["output"]["text"] == answer_to(MODEL, ask_of(question))
    with openai_client(stack) as client:
        read = client.chat.completions.retrieve(f"chatcmpl-{job['id']}")
    assert read.choices[0].message.content == answer_to(MODEL, ask_of(question))
    with stack.client(1) as http:
        assert http.get(f"/openai/v1/chat/completions/{job['id']}").json()["object"] == "chat.completion"
        assert http.get("/v1/chat/completions/chatcmpl-x.1").status_code == 404


def test_a_completion_that_is_not_done_is_its_job_and_one_that_failed_its_error(stack: Stack) -> None:
    """Whoever asks early is told to come back; whoever asks late gets the provider's failure."""
    question = unique("Soon?")
    stack.script({"match": {"contains": question}, "latency_ms": 300, "fault": "status:500"})
    body = {"model": MODEL, "messages": ask_of(question)}
    with stack.client() as http:
        accepted = http.post("/v1/chat/completions", json=body, headers={"Prefer": "respond-async"})
        path = f"/v1/chat/completions/chatcmpl-{accepted.json()['id']}"
        early = http.get(path)
        late = http.get(path, params={"wait": 20})
    assert (early.status_code, early.headers["Retry-After"]) == (202, "1")
    assert late.status_code == 503
    assert late.json()["error"]["code"] == "upstream_unavailable"
