"""A provider that speaks OpenAI's chat-completions API: Groq, or whatever GROQ_BASE_URL points at."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import httpx
import msgspec

from shared import prices, traceparent
from shared.errors import ProviderError, ProviderGarbage, ProviderTimeout, ProviderUnavailable
from shared.masking import MASK
from shared.providers import Provider, api_root
from shared.wire.completion import Completion
from shared.wire.outcome import Answer, Spent, Usage
from workers.leases import LeaseLost
from workers.providers.refusals import refusal
from workers.providers.stream import DONE, Assembly, decode_chunk, events
from workers.providers.wire import Spoken, decode_reply, decode_usage
from workers.telling import Telling

logger = logging.getLogger(__name__)

SIMULATED_HEADER = "x-sentinel-simulated"
REASON_BYTES = 65_536
REASON_WAIT_S = 2.0
"""How much of an error's body is read, and for how long: a reason is short, and the status is known."""
NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""What goes wrong before a question is on its way, so that nobody bills it."""


class NoAnswer(Exception):
    """A call that ended without an answer, and the usage that it told all the same."""

    def __init__(self, error: ProviderGarbage | ProviderUnavailable, usage: Usage | None) -> None:
        super().__init__(error.detail)
        self.error = error
        self.usage = usage


class OpenAICompatible:
    """One provider behind one pooled HTTP client."""

    def __init__(self, provider: Provider, http: httpx.AsyncClient, *, max_bytes: int) -> None:
        self.name = provider.name
        self._provider = provider
        self._url = f"{api_root(provider.base_url)}/chat/completions"
        self._http = http
        self._max_bytes = max_bytes

    async def complete(
        self,
        completion: Completion,
        *,
        deadline_s: float,
        now_ms: int,
        call_id: str = "",
        telling: Telling | None = None,
    ) -> Answer:
        """Buy an answer; raises a ProviderError, whose `spent` says what may be billed all the same.

        `deadline_s` bounds the whole call, from the connection to the last byte; `call_id` names it upstream.
        With `telling` the answer is streamed, and its tokens told as they come.
        """
        # Whoever sent a question and has read no usage does not know whether it is billed.
        unknown = (Spent(model=completion.model),)
        request = request_body(completion, self._own(completion), streamed=telling is not None)
        try:
            async with asyncio.timeout(deadline_s), self._posted(request, call_id) as response:
                simulated = SIMULATED_HEADER in response.headers
                spoken = await self._read(response, telling, self._own(completion))
        except NOT_SENT as error:
            raise ProviderUnavailable(
                f"The provider could not be reached ({type(error).__name__})."
            ) from error
        except (TimeoutError, httpx.TimeoutException):
            timed_out = ProviderTimeout(f"The provider did not finish within {deadline_s:g} s.")
            timed_out.spent = unknown
            raise timed_out from None
        except httpx.HTTPError as error:
            broken = ProviderUnavailable(f"The provider broke off ({type(error).__name__}).")
            broken.spent = unknown
            raise broken from error
        except NoAnswer as nothing:
            nothing.error.spent = (self._spent(completion, nothing.usage, now_ms),)
            raise nothing.error from nothing
        except (ProviderError, LeaseLost):
            raise
        except Exception as error:
            # Strict reading leaves nothing to surprise us; if something does, the call is still not free.
            logger.exception("reply not read", extra={"provider": self.name})
            unread = ProviderGarbage("The provider's reply could not be read.")
            unread.spent = unknown
            raise unread from error
        return self._answer(completion, spoken, now_ms, simulated=simulated)

    async def _read(self, response: httpx.Response, telling: Telling | None, model: str) -> Spoken:
        """Read an answer, whole or streamed; raises NoAnswer, and a ProviderError for a refusal."""
        if response.status_code != httpx.codes.OK:
            raise await self._refusal(response, model)
        if telling is not None and response.headers.get("content-type", "").startswith("text/event-stream"):
            return await self._follow(response, telling)
        try:
            body = await self._whole(response)
        except ProviderGarbage as garbage:
            raise NoAnswer(garbage, None) from garbage
        try:
            return decode_reply(body)
        except ProviderGarbage as garbage:
            raise NoAnswer(garbage, decode_usage(body)) from garbage

    async def _follow(self, response: httpx.Response, telling: Telling) -> Spoken:
        assembly = Assembly()
        telling.begin()
        try:
            async for data in events(self._bounded(response)):
                if data == DONE:
                    break
                chunk = decode_chunk(data)
                assembly.add(chunk)
                await telling.hear(chunk.choices)
            await telling.end()
            return assembly.spoken()
        except (ProviderGarbage, ProviderUnavailable) as error:
            raise NoAnswer(error, assembly.usage) from error

    async def _refusal(self, response: httpx.Response, model: str) -> ProviderError:
        """Name the error of a reply other than 200: its status says most, whatever becomes of its body."""
        body = bytearray()
        with contextlib.suppress(httpx.HTTPError, TimeoutError):
            async with asyncio.timeout(REASON_WAIT_S):
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > REASON_BYTES:
                        break
        key = self._provider.key.reveal().encode()
        reason = bytes(body[:REASON_BYTES])
        return refusal(
            response.status_code,
            response.headers,
            # Some services quote the key that they were called with.
            reason.replace(key, MASK.encode()) if key else reason,
            model,
            self._provider.key_variable,
        )

    async def _whole(self, response: httpx.Response) -> bytes:
        received = bytearray()
        async for piece in self._bounded(response):
            received += piece
        return bytes(received)

    async def _bounded(self, response: httpx.Response) -> AsyncIterator[bytes]:
        received = 0
        async for piece in response.aiter_bytes():
            received += len(piece)
            if received > self._max_bytes:
                raise ProviderGarbage(f"The provider sent more than {self._max_bytes} bytes.")
            yield piece

    def _own(self, completion: Completion) -> str:
        """The provider's own name of the model."""
        return self._provider.models.get(completion.model, completion.model)

    def _cost(self, completion: Completion, usage: Usage | None, now_ms: int) -> int | None:
        # Without usage the bill is unknown, which is not the same as nothing.
        if usage is None:
            return None
        return prices.cost_of(self.name, self._own(completion), usage, at_s=now_ms / 1000)

    def _spent(self, completion: Completion, usage: Usage | None, now_ms: int) -> Spent:
        return Spent(model=completion.model, usage=usage, cost=self._cost(completion, usage, now_ms))

    def _answer(self, completion: Completion, spoken: Spoken, now_ms: int, *, simulated: bool) -> Answer:
        usage = spoken.usage
        return Answer(
            text=spoken.text,
            finish_reason=spoken.finish_reason,
            model=completion.model,
            provider=self.name,
            usage=usage or Usage(),
            cost=self._cost(completion, usage, now_ms),
            created_at_ms=now_ms,
            simulated=simulated,
            choices=spoken.choices,
            system_fingerprint=spoken.system_fingerprint,
        )

    def _posted(self, body: bytes, call_id: str) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._provider.key_variable is not None:
            headers["Authorization"] = f"Bearer {self._provider.key.reveal()}"
        if call_id:
            headers["X-Request-ID"] = call_id
        if place := traceparent.current.get():
            headers[traceparent.HEADER] = place
        return self._http.stream("POST", self._url, content=body, headers=headers)


def request_body(completion: Completion, model: str, *, streamed: bool = False) -> bytes:
    """Lay a completion out as the API wants it; what was not said is left to the provider."""
    further: dict[str, Any] = msgspec.json.decode(completion.options) if completion.options else {}
    body: dict[str, Any] = {
        **further,
        "model": model,
        "messages": [
            msgspec.Raw(m.whole) if m.whole else {"role": m.role, "content": m.content}
            for m in completion.messages
        ],
    }
    if completion.temperature is not None:
        body["temperature"] = completion.temperature
    if completion.max_tokens is not None:
        body["max_completion_tokens"] = completion.max_tokens
    if streamed:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return msgspec.json.encode(body)
