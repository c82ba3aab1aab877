"""Each kind of answer, bought as a stream and as a document, then served both ways: always the same answer.

`tests/data/golden/chat.json` holds what a provider sends both ways. What callers get is compared with its
document member by member, whether they were there while it was made or came later.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from ingress.chat_stream import ChatStream
from ingress.chat_view import completion_view
from ingress.replay import paced
from ingress.views import JobView
from shared.providers import Provider
from shared.secret import Secret
from shared.wire.completion import Completion, Message
from shared.wire.outcome import Answer
from workers.providers.openai_compatible import OpenAICompatible
from workers.telling import Telling

pytestmark = [pytest.mark.unit, pytest.mark.anyio]
GOLDEN = Path(__file__).parents[1] / "data" / "golden" / "chat.json"
CASES: list[dict[str, Any]] = msgspec.json.decode(GOLDEN.read_bytes())
JOB = JobView(id="fp.1795532191350298", status="completed", model="m", created_at=1)
ASKED = Completion(model="m", messages=(Message("user", "?"),))
TEXTS = ("content", "reasoning", "reasoning_content", "refusal")


def upstream(case: dict[str, Any], request: httpx.Request) -> httpx.Response:
    """The provider: a document, or its deltas as a stream with usage at the end."""
    document = case["document"]
    if not msgspec.json.decode(request.content).get("stream"):
        return httpx.Response(200, json=document)
    head = {**document, "object": "chat.completion.chunk", "choices": [], "usage": None}
    chunks = [{**head, "choices": choices} for choices in case["deltas"]]
    chunks.append({**head, "usage": document["usage"]})
    events = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    body = b"".join([*events, b"data: [DONE]\n\n"])
    return httpx.Response(200, content=body, headers={"Content-Type": "text/event-stream"})


async def buy(case: dict[str, Any], *, streamed: bool) -> tuple[Answer, list[bytes]]:
    """The answer as a worker settles it, and the events that it told."""
    told: list[bytes] = []

    async def append(events: Sequence[bytes]) -> bool:
        told.extend(events)
        return True

    provider = Provider(name="p", base_url="http://p", key=Secret("k"), key_variable=None, models={})
    transport = httpx.MockTransport(lambda request: upstream(case, request))
    async with httpx.AsyncClient(transport=transport) as http:
        seller = OpenAICompatible(provider, http, max_bytes=1 << 20)
        telling = Telling(append) if streamed else None
        answer = await seller.complete(ASKED, deadline_s=5, now_ms=1_000, telling=telling)
    return answer, told


def chunks_of(stream: bytes) -> Iterator[dict[str, Any]]:
    """The chunks of a stream that is over."""
    *events, done, rest = stream.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return (msgspec.json.decode(event.removeprefix(b"data: ")) for event in events)


def assembled(stream: bytes) -> dict[str, Any]:
    """What a client of a stream puts together, as the document that it would be."""
    choices: dict[int, dict[str, Any]] = {}
    whole: dict[str, Any] = {}
    for chunk in chunks_of(stream):
        whole |= {name: value for name, value in chunk.items() if name not in ("choices", "object")}
        for part in chunk["choices"]:
            empty = {"index": part["index"], "message": {}, "logprobs": None, "finish_reason": None}
            choice = choices.setdefault(part["index"], empty)
            _grow(choice["message"], part["delta"])
            choice["finish_reason"] = part["finish_reason"] or choice["finish_reason"]
            for name, tokens in (part.get("logprobs") or {}).items():
                logprobs = choice["logprobs"] = choice["logprobs"] or {}
                logprobs[name] = (logprobs.get(name) or []) + tokens if tokens else logprobs.get(name)
    return whole | {"choices": [choices[index] for index in sorted(choices)]}


def _grow(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for name, value in delta.items():
        if name == "tool_calls":
            calls = message.setdefault(name, [])
            for part in value:
                if part["index"] == len(calls):
                    calls.append({key: kept for key, kept in part.items() if key != "index"})
                else:
                    calls[part["index"]]["function"]["arguments"] += part["function"]["arguments"]
        elif name == "function_call" and name in message:
            message[name]["arguments"] += value["arguments"]
        else:
            message[name] = message[name] + value if name in TEXTS and name in message else value


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """A completion without its names and without members that say nothing."""
    choices = []
    for choice in document["choices"]:
        logprobs = {name: tokens for name, tokens in (choice["logprobs"] or {}).items() if tokens}
        message = {name: value for name, value in choice["message"].items() if value not in (None, "")}
        choices.append({**choice, "logprobs": logprobs, "message": message})
    kept = {name: document[name] for name in ("usage", "system_fingerprint", "model")}
    return {**kept, "choices": choices}


async def _joined(parts: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in parts])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
@pytest.mark.parametrize("streamed", [True, False], ids=["bought as stream", "bought as document"])
async def test_an_answer_is_the_same_however_it_is_bought_and_served(
    case: dict[str, Any], *, streamed: bool
) -> None:
    """Miss and replay, stream and document, paced or not: every member of the golden document."""
    golden = plain(case["document"])
    answer, told = await buy(case, streamed=streamed)
    live, replayed = ChatStream(JOB.id, "m"), ChatStream(JOB.id, "m")
    heard = b"".join(map(live.tell, told)) + live.end(answer, JOB, include_usage=True)
    cached = replayed.end(answer, JOB, include_usage=True)
    document = msgspec.json.decode(msgspec.json.encode(completion_view(answer, JOB)))
    never: Any = asyncio.get_running_loop().create_future()
    slowly = await _joined(paced(answer, JOB, include_usage=True, per_s=100_000, hurry=never))
    assert plain(document) == golden
    for stream in (heard, cached, slowly):
        assert plain(assembled(stream)) == golden
        assert {chunk["created"] for chunk in chunks_of(stream)} == {document["created"]}
        assert {chunk["id"] for chunk in chunks_of(stream)} == {document["id"]}
        assert assembled(stream)["sentinel"] == document["sentinel"]
