"""One upstream stream, many listeners: real processes, real clients."""

import asyncio
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import groq
import httpx
import msgspec
import openai
import pytest

from simulator.answers import answer_to
from tests.support.stack import USER_KEY, Process, Stack, running

pytestmark = pytest.mark.anyio
MODEL = "openai/gpt-oss-20b"
PACE = 40.0
LISTENERS = 60


@pytest.fixture(scope="module")
def streaming(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Three ingresses and two workers of its own, with a short lease."""
    folder = tmp_path_factory.mktemp("streams")
    with running(folder, ingresses=3, workers=2, SENTINEL_LEASE_S="1") as stack:
        yield stack


@pytest.fixture
def fleet(streaming: Stack) -> Stack:
    """The same with an empty call log, all its workers, and a stream slow enough to be hit."""
    streaming.forget()
    streaming.script({"tokens_per_second": PACE})
    living = [worker for worker in streaming.named("worker") if worker.popen.poll() is None]
    for _ in range(2 - len(living)):
        streaming.add_worker()
    return streaming


def ask_of(question: str) -> list[Any]:
    """A conversation of one question."""
    return [{"role": "user", "content": question}]


def unique(text: str) -> str:
    """A question that nobody has asked, whose answer takes a moment to say."""
    return f"{text} ({uuid.uuid4().hex})"


def text_of(stream: bytes) -> str:
    """The text that a client of a whole stream puts together."""
    chunks = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for chunk in chunks for choice in msgspec.json.decode(chunk)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


async def listen(url: str, question: str, began: asyncio.Event | None = None) -> bytes:
    """Stream an answer and return all bytes."""
    body = {"model": MODEL, "messages": ask_of(question), "stream": True}
    received = b""
    async with (
        httpx.AsyncClient(base_url=url, headers={"X-API-Key": USER_KEY}, timeout=60) as http,
        http.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        assert response.status_code == 200, await response.aread()
        async for piece in response.aiter_bytes():
            received += piece
            if began is not None:
                began.set()
    return received


def bare(stream: bytes) -> bytes:
    """A stream without what is each caller's own: what it was charged, under `sentinel` in the last chunk."""
    *events, last, done, rest = stream.split(b"\n\n")
    chunk = msgspec.json.decode(last.removeprefix(b"data: "))
    del chunk["sentinel"]
    return b"\n\n".join([*events, msgspec.json.encode(chunk), done, rest])


async def test_many_listeners_over_three_ingresses_share_one_call_and_get_the_same_bytes(
    fleet: Stack,
) -> None:
    """Whoever comes first pays; nobody waits for another (G4)."""
    question = unique("Who listens?")
    heard = await asyncio.gather(*(listen(fleet.urls[n % 3], question) for n in range(LISTENERS)))
    assert {text_of(stream) for stream in heard} == {answer_to(MODEL, ask_of(question))}
    assert len({bare(stream) for stream in heard}) == 1
    assert len(fleet.calls()) == 1


async def test_a_worker_killed_in_mid_stream_costs_one_more_call_and_no_listener_a_byte(fleet: Stack) -> None:
    """The next worker says the same again, in silence up to where the first one fell."""
    question = unique("What if the worker dies?")
    began = asyncio.Event()
    listening = [asyncio.create_task(listen(fleet.urls[n % 3], question, began)) for n in range(LISTENERS)]
    await began.wait()
    await asyncio.to_thread(_kill_the_one_at_work, fleet)
    heard = await asyncio.gather(*listening)
    assert {text_of(stream) for stream in heard} == {answer_to(MODEL, ask_of(question))}
    assert len({bare(stream) for stream in heard}) == 1
    assert len(fleet.calls()) <= 2


async def test_a_late_joiner_gets_the_beginning_at_once_and_then_follows(fleet: Stack) -> None:
    """On another ingress; and one who leaves takes nobody along."""
    question = unique("May I still join?")
    began = asyncio.Event()
    first = asyncio.create_task(listen(fleet.urls[0], question, began))
    leaver = asyncio.create_task(listen(fleet.urls[1], question))
    await began.wait()
    await asyncio.sleep(8 / PACE)
    leaver.cancel()
    late = await listen(fleet.urls[2], question)
    assert bare(late) == bare(await first)
    assert len(fleet.calls()) == 1


async def test_plain_and_streaming_callers_share_a_flight(fleet: Stack) -> None:
    """Whichever way each of them wants it (G4)."""
    question = unique("Both ways?")
    began = asyncio.Event()
    streaming = asyncio.create_task(listen(fleet.urls[0], question, began))
    await began.wait()
    async with httpx.AsyncClient(base_url=fleet.urls[1], headers={"X-API-Key": USER_KEY}, timeout=60) as http:
        plain = await http.post("/v1/chat/completions", json={"model": MODEL, "messages": ask_of(question)})
        asked = await http.post("/v1/query", json={"prompt": question})
    text = answer_to(MODEL, ask_of(question))
    assert plain.json()["choices"][0]["message"]["content"] == text
    assert asked.json()["output"]["text"] == text
    assert text_of(await streaming) == text
    assert len(fleet.calls()) == 1


async def test_a_process_that_stops_sends_its_readers_on(fleet: Stack) -> None:
    """Events go on elsewhere after the last that arrived; a stream that cannot is ended by an error."""
    question = unique("Where to now?")
    fleet.script({"tokens_per_second": 10})
    began = asyncio.Event()
    fleet.add_ingress()
    leaving = fleet.named("ingress")[-1]
    chatting = asyncio.create_task(listen(fleet.urls.pop(), question, began))
    await began.wait()
    headers = {"X-API-Key": USER_KEY, "Accept": "text/event-stream"}
    body = {"prompt": question, "model": MODEL}
    async with httpx.AsyncClient(headers=headers, timeout=60) as http:
        address = f"http://127.0.0.1:{_port(leaving)}/v1/query"
        async with http.stream("POST", address, json=body) as response:
            lines = response.aiter_lines()
            first = [await anext(lines) for _ in range(24)]
            leaving.popen.send_signal(signal.SIGTERM)
            first += [line async for line in lines]
        last = [line for line in first if line.startswith("id: ")][-1].removeprefix("id: ")
        [job_id] = {job for line in first if (job := _job_id(line))}
        resumed = await http.get(f"{fleet.urls[0]}/v1/jobs/{job_id}/events", headers={"Last-Event-ID": last})
    heard = _deltas("\n".join(first)) + _deltas(resumed.text)
    assert heard == answer_to(MODEL, ask_of(question))
    assert b'"code":"draining"' in await chatting
    assert len(fleet.calls()) == 1


def _port(ingress: Process) -> str:
    """Where an ingress listens, as its log says."""
    ready = next(line for line in ingress.log.read_text().splitlines() if "ingress ready" in line)
    return str(msgspec.json.decode(ready)["port"])


def _job_id(line: str) -> str | None:
    found = msgspec.json.decode(line[6:]) if line.startswith("data: {") else {}
    return found.get("job_id")


def _deltas(events: str) -> str:
    """The text of the deltas of an event stream."""
    data = [line[6:] for line in events.splitlines() if line.startswith('data: {"choices"')]
    choices = [choice for one in data for choice in msgspec.json.decode(one)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def _kill_the_one_at_work(stack: Stack) -> None:
    """Kill the worker whose log says nothing of the job yet: both are asked who holds it."""
    holder = next(iter(_holders(stack)))
    worker = next(p for p in stack.named("worker") if f"-{p.popen.pid}-" in holder)
    worker.stop(signal.SIGKILL)


def _holders(stack: Stack) -> Iterator[str]:
    from redis import Redis  # noqa: PLC0415 - only here, and blocking

    with Redis.from_url(stack.queue.url) as redis:
        for key in redis.scan_iter("sentinel:held:*"):
            yield key.decode().removeprefix("sentinel:held:")


def openai_client(stack: Stack) -> openai.OpenAI:
    """OpenAI's client."""
    return openai.OpenAI(base_url=f"{stack.urls[0]}/v1", api_key=USER_KEY, max_retries=0)


def groq_client(stack: Stack) -> groq.Groq:
    """Groq's client."""
    return groq.Groq(base_url=stack.urls[0], api_key=USER_KEY, max_retries=0)


@pytest.mark.parametrize("make", [openai_client, groq_client])
def test_sdks_stream_a_miss_and_a_hit(stack: Stack, make: Any) -> None:
    """The same text and the same reason for the end; usage for who asks."""
    question = unique("Do SDKs stream?")
    with make(stack) as client:
        for status in ("miss", "hit"):
            chunks = list(
                client.chat.completions.create(
                    model=MODEL,
                    messages=ask_of(question),
                    stream=True,
                    **({"stream_options": {"include_usage": True}} if make is openai_client else {}),
                )
            )
            choices = [choice for chunk in chunks for choice in chunk.choices]
            said = "".join(choice.delta.content or "" for choice in choices)
            assert said == answer_to(MODEL, ask_of(question))
            assert choices[-1].finish_reason == "stop"
            assert chunks[-1].model_extra["sentinel"]["cache"]["status"] == status
            if make is openai_client:
                assert chunks[-1].usage.total_tokens > 0
    assert len(stack.calls()) == 1


def test_a_streamed_tool_call_arrives_whole(stack: Stack) -> None:
    """Its name before its arguments, as it was made."""
    tools: Any = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
    with openai_client(stack) as client:
        stream = client.chat.completions.stream(
            model=MODEL, messages=ask_of(unique("Look.")), tools=tools, tool_choice="required"
        )
        with stream as events:
            final = events.get_final_completion()
    [call] = final.choices[0].message.tool_calls or []
    assert call.function.name == "look_up"
    assert "answer" in msgspec.json.decode(call.function.arguments)
    assert final.choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ({"fault": "status:500"}, 503),
        ({"fault": "close", "after_parts": 0}, 503),
        ({"fault": "garbage"}, 502),
    ],
)
def test_a_failure_before_the_first_token_has_its_own_status(
    stack: Stack, rule: dict[str, Any], status: int
) -> None:
    """SDKs raise and retry by it."""
    question = unique("Will it start?")
    stack.script({"match": {"contains": question}, **rule})
    with openai_client(stack) as client, pytest.raises(openai.APIStatusError) as failed:
        client.chat.completions.create(model=MODEL, messages=ask_of(question), stream=True)
    assert failed.value.status_code == status


def test_a_failure_in_mid_stream_is_an_error_and_no_cache_entry(stack: Stack) -> None:
    """Half an answer is never passed off as one, nor stored."""
    question = unique("Will it end?")
    stack.script({"match": {"contains": question}, "fault": "close", "after_parts": 5, "times": 1})
    with openai_client(stack) as client:
        stream = client.chat.completions.create(model=MODEL, messages=ask_of(question), stream=True)
        with pytest.raises(openai.APIError):
            list(stream)
        again: Any = client.chat.completions.create(model=MODEL, messages=ask_of(question))
    assert again.model_extra["sentinel"]["cache"]["status"] == "miss"
