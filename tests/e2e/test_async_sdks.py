"""Async clients of OpenAI and Groq: streams, errors, retries and timeouts as their users know them."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import groq
import openai
import pytest

from simulator.answers import answer_to
from tests.support.stack import USER_KEY, Stack

pytestmark = pytest.mark.anyio
MODEL = "openai/gpt-oss-20b"
Make = Callable[..., Any]


def openai_client(stack: Stack, **options: Any) -> openai.AsyncOpenAI:
    """OpenAI's client."""
    return openai.AsyncOpenAI(base_url=f"{stack.urls[0]}/v1", api_key=USER_KEY, **options)


def groq_client(stack: Stack, **options: Any) -> groq.AsyncGroq:
    """Groq's client."""
    return groq.AsyncGroq(base_url=stack.urls[1], api_key=USER_KEY, **options)


BOTH = pytest.mark.parametrize(("make", "errors"), [(openai_client, openai), (groq_client, groq)])


def ask_of(text: str) -> dict[str, Any]:
    """A question that nobody has asked."""
    content = f"{text} ({uuid.uuid4().hex})"
    return {"model": MODEL, "messages": [{"role": "user", "content": content}]}


def answer(asked: dict[str, Any]) -> str:
    """What the simulator says to it."""
    return answer_to(MODEL, asked["messages"])


@BOTH
async def test_a_stream_and_an_answer_of_one_question_share_a_call(
    stack: Stack, make: Make, errors: Any
) -> None:
    """At the same time, by the same client."""
    asked = ask_of("Both ways?")
    async with make(stack) as client:

        async def streamed() -> str:
            chunks = await client.chat.completions.create(**asked, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in chunks if c.choices])

        plain, said = await asyncio.gather(client.chat.completions.create(**asked), streamed())
    assert plain.choices[0].message.content == said == answer(asked)
    assert len(stack.calls()) == 1


@BOTH
async def test_errors_are_the_clients_own_kinds(stack: Stack, make: Make, errors: Any) -> None:
    """By status, with our reason; before a stream and in the middle of one."""
    asked, broken = ask_of("Fail."), ask_of("Break.")
    stack.script(
        {"match": {"contains": asked["messages"][0]["content"]}, "fault": "status:500"},
        {"match": {"contains": broken["messages"][0]["content"]}, "fault": "close", "after_parts": 5},
    )
    async with make(stack, max_retries=0) as client:
        with pytest.raises(errors.NotFoundError, match="does not offer"):
            await client.chat.completions.create(**(asked | {"model": "nonesuch"}))
        with pytest.raises(errors.BadRequestError, match="temperature"):
            await client.chat.completions.create(**asked, temperature=9)
        for stream in (False, True):
            with pytest.raises(errors.InternalServerError, match="500"):
                await client.chat.completions.create(**asked, stream=stream)
        chunks = await client.chat.completions.create(**broken, stream=True)
        with pytest.raises(errors.APIError):
            [chunk async for chunk in chunks]
    async with make(stack, max_retries=0).with_options(api_key="wrong-key") as stranger:
        with pytest.raises(errors.AuthenticationError):
            await stranger.chat.completions.create(**asked)


@BOTH
async def test_retries_and_timeouts_are_the_clients_own(stack: Stack, make: Make, errors: Any) -> None:
    """What passes is tried again; whoever is in a hurry leaves, and hurts nobody."""
    flaky, slow = ask_of("Again?"), ask_of("Slow?")
    stack.script(
        {"match": {"contains": flaky["messages"][0]["content"]}, "times": 1, "fault": "status:503"},
        {"match": {"contains": slow["messages"][0]["content"]}, "latency_ms": 700},
    )
    async with make(stack) as client:
        retried = await client.chat.completions.create(**flaky)
        waiting = asyncio.create_task(client.chat.completions.create(**slow))
        await asyncio.to_thread(stack.wait_for_calls, 3)
        with pytest.raises(errors.APITimeoutError):
            await client.with_options(timeout=0.2, max_retries=0).chat.completions.create(**slow)
        patient = await waiting
    assert retried.choices[0].message.content == answer(flaky)
    assert patient.choices[0].message.content == answer(slow)
    assert len(stack.calls()) == 3
