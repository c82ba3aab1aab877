"""One provider call, whatever the other side does."""

import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest

from shared import traceparent
from shared.errors import (
    ProviderError,
    ProviderGarbage,
    ProviderKeyRejected,
    ProviderRateLimited,
    ProviderRefused,
)
from shared.providers import Provider
from shared.secret import Secret
from shared.wire.completion import Completion, Message
from shared.wire.outcome import Answer, Spent, Usage
from workers.leases import LeaseLost
from workers.providers.openai_compatible import OpenAICompatible
from workers.telling import Telling

pytestmark = [pytest.mark.unit, pytest.mark.anyio]
KEY = "a-secret-of-ours"
ASKED = Completion(model="openai/gpt-oss-20b", messages=(Message("user", "Why?"),))
Handler = Callable[[httpx.Request], httpx.Response]


def replied(**changes: Any) -> dict[str, Any]:
    """A good reply, with changes."""
    message = {"role": "assistant", "content": "Because."}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return {**whole, "usage": {"prompt_tokens": 3, "completion_tokens": 5}, **changes}


def message(**changes: Any) -> dict[str, Any]:
    """A good reply whose message is not quite."""
    said = {"role": "assistant", "content": "Because.", **changes}
    return replied(choices=[{"index": 0, "message": said, "finish_reason": "stop"}])


async def call(handler: Handler, telling: Telling | None = None) -> Answer:
    """Ask a provider whose replies a function makes."""
    provider = Provider(
        name="groq",
        base_url="https://upstream.test",
        key=Secret(KEY),
        key_variable="SOME_KEY",
        models={ASKED.model: ASKED.model},
    )
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as http:
        asked = OpenAICompatible(provider, http, max_bytes=10_000)
        return await asked.complete(ASKED, deadline_s=5, now_ms=1, telling=telling)


async def failure(handler: Handler, telling: Telling | None = None) -> ProviderError:
    """The error that such a call ends with."""
    with pytest.raises(ProviderError) as failed:
        await call(handler, telling)
    return failed.value


def telling() -> Telling:
    """Somebody wants the tokens."""

    async def append(_: Any) -> bool:
        return True

    return Telling(append)


def streamed(*chunks: dict[str, Any]) -> httpx.Response:
    """A reply as a stream of chunks."""
    events = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in chunks]
    headers = {"content-type": "text/event-stream"}
    return httpx.Response(200, headers=headers, content=b"".join([*events, b"data: [DONE]\n\n"]))


@pytest.mark.parametrize(
    "reply",
    [
        replied(usage={"prompt_tokens": 10**24, "completion_tokens": 1}),
        replied(usage={"prompt_tokens": -1, "completion_tokens": 1}),
        replied(usage={"prompt_tokens": 1.5, "completion_tokens": 1}),
        replied(usage={}),
        message(tool_calls="call me"),
        message(tool_calls=7),
        message(tool_calls=[None]),
        message(tool_calls=[{"function": "f"}]),
        message(tool_calls=[{"function": {"name": "f", "arguments": {}}}]),
        message(function_call=[]),
        message(reasoning=["because"]),
        message(refusal={"no": 1}),
        message(content=["Because."]),
    ],
)
async def test_what_is_not_of_its_kind_is_no_answer(reply: dict[str, Any]) -> None:
    """A count that would overflow the ledger as well as a call that nobody can make; each is in doubt."""
    failed = await failure(lambda _: httpx.Response(200, json=reply))
    assert isinstance(failed, ProviderGarbage)
    assert [one.model for one in failed.spent] == [ASKED.model]


@pytest.mark.parametrize(
    "delta",
    [
        {"content": 5},
        {"reasoning": []},
        {"tool_calls": "call me"},
        {"tool_calls": [{"index": 0, "function": "f"}]},
        {"tool_calls": [{"function": {"name": "f"}}]},
        {"function_call": "f"},
    ],
)
async def test_a_stream_that_is_not_of_its_kind_is_no_answer(delta: dict[str, Any]) -> None:
    """Nothing of it reaches a listener, and nobody breaks over it."""
    chunks = [{"choices": [{"index": 0, "delta": delta}]}]
    failed = await failure(lambda _: streamed(*chunks), telling())
    assert isinstance(failed, ProviderGarbage)
    assert failed.spent == (Spent(model=ASKED.model),)


async def test_what_nobody_foresaw_is_a_failed_call_and_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks while a reply is read; but work that is no longer ours is not the provider's fault."""
    error: Exception = ZeroDivisionError()

    def broken(_: bytes) -> None:
        raise error

    monkeypatch.setattr("workers.providers.openai_compatible.decode_reply", broken)
    failed = await failure(lambda _: httpx.Response(200, json=replied()))
    assert (type(failed), failed.spent) == (ProviderGarbage, (Spent(model=ASKED.model),))
    error = LeaseLost()
    with pytest.raises(LeaseLost):
        await call(lambda _: httpx.Response(200, json=replied()))


class Endless(httpx.AsyncByteStream):
    """A body that never ends, or breaks."""

    def __init__(self, *, breaks: bool) -> None:
        self._breaks = breaks
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Send and send."""
        while True:
            yield b" " * 1024
            self.sent += 1024
            if self._breaks:
                raise httpx.ReadError("broken")


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_refusal_is_what_its_status_says_whatever_becomes_of_its_body(*, breaks: bool) -> None:
    """Its pause is obeyed, and no endless reason is read."""
    body = Endless(breaks=breaks)
    failed = await failure(lambda _: httpx.Response(429, headers={"retry-after": "7"}, stream=body))
    assert isinstance(failed, ProviderRateLimited)
    assert (failed.retry_after_s, failed.spent) == (7, ())
    assert body.sent < 100_000


@pytest.mark.parametrize(("status", "kind"), [(400, ProviderRefused), (401, ProviderKeyRejected)])
async def test_a_provider_that_quotes_our_key_does_not_betray_it(
    status: int, kind: type[ProviderError]
) -> None:
    """The reason is passed on without it."""
    told = {"error": {"message": f"Bad key: {KEY}.", "code": KEY}}
    failed = await failure(lambda _: httpx.Response(status, json=told, headers={"x-key": KEY}))
    assert type(failed) is kind
    assert KEY not in failed.detail


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30),
        ({"retry-after": "Wed, 25 Nov 2026 09:00:00 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 0),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "soon", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_read_as_seconds_or_as_a_date(
    headers: dict[str, str], seconds: float | None
) -> None:
    """The date against the provider's own clock (RFC 9110)."""
    failed = await failure(lambda _: httpx.Response(498, headers=headers))
    assert failed.retry_after_s == seconds


async def test_a_body_that_unpacks_to_more_than_is_read_is_no_answer() -> None:
    """Fifty kilobytes on the wire, fifty megabytes of white space."""
    bomb = gzip.compress(b" " * 50_000_000)
    failed = await failure(lambda _: httpx.Response(200, headers={"content-encoding": "gzip"}, content=bomb))
    assert isinstance(failed, ProviderGarbage)
    assert failed.spent == (Spent(model=ASKED.model),)


async def test_a_redirect_is_not_followed() -> None:
    """The key goes to one address only."""
    asked: list[httpx.URL] = []

    def redirect(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(307, headers={"location": "https://elsewhere.test/"})

    assert isinstance(await failure(redirect), ProviderRefused)
    assert [url.host for url in asked] == ["upstream.test"]


async def test_a_good_reply_is_an_answer() -> None:
    """Else the others would show little."""
    answer = await call(lambda _: httpx.Response(200, json=replied()))
    assert (answer.text, answer.usage) == ("Because.", Usage(3, 5))


async def test_the_callers_trace_reaches_the_provider() -> None:
    """And without one there is no header of it."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=replied())

    place = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    await call(handle)
    traceparent.current.set(place)
    await call(handle)
    assert [request.headers.get("traceparent") for request in seen] == [None, place]
