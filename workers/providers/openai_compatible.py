"""A provider that speaks OpenAI's chat-completions API: Groq, or whatever GROQ_BASE_URL points at."""

import asyncio
from typing import Any

import httpx

from shared import prices
from shared.errors import ProviderGarbage, ProviderTimeout, ProviderUnavailable
from shared.secret import Secret
from shared.wire.completion import Completion
from shared.wire.outcome import Answer, Usage
from workers.providers.refusals import refusal
from workers.providers.wire import decode_reply

SIMULATED_HEADER = "x-sentinel-simulated"


class OpenAICompatible:
    """One provider behind one pooled HTTP client."""

    def __init__(
        self, name: str, base_url: str, key: Secret, http: httpx.AsyncClient, *, max_bytes: int
    ) -> None:
        self.name = name
        self._url = completions_url(base_url)
        self._key = key
        self._http = http
        self._max_bytes = max_bytes

    async def complete(self, completion: Completion, *, deadline_s: float, now_ms: int) -> Answer:
        """Buy an answer; raises a ProviderError.

        `deadline_s` bounds the whole call, from the connection to the last byte.
        """
        try:
            async with asyncio.timeout(deadline_s):
                status, headers, body = await self._post(request_body(completion))
        except (TimeoutError, httpx.TimeoutException):
            raise ProviderTimeout(f"The provider did not finish within {deadline_s:g} s.") from None
        except httpx.HTTPError as error:
            raise ProviderUnavailable(
                f"The provider could not be reached or broke off ({type(error).__name__})."
            ) from error
        if status != httpx.codes.OK:
            raise refusal(status, headers, body, completion.model)
        return self._answer(completion, body, now_ms, simulated=SIMULATED_HEADER in headers)

    def _answer(self, completion: Completion, body: bytes, now_ms: int, *, simulated: bool) -> Answer:
        spoken = decode_reply(body)
        usage = spoken.usage
        # Without usage the bill is unknown, which is not the same as nothing.
        cost = (
            None
            if usage is None
            else prices.cost_of(self.name, completion.model, usage.input_tokens, usage.output_tokens)
        )
        return Answer(
            text=spoken.text,
            finish_reason=spoken.finish_reason,
            model=completion.model,
            provider=self.name,
            usage=usage or Usage(),
            cost=cost,
            created_at_ms=now_ms,
            simulated=simulated,
        )

    async def _post(self, body: dict[str, Any]) -> tuple[int, httpx.Headers, bytes]:
        headers = {"Authorization": f"Bearer {self._key.reveal()}", "Accept": "application/json"}
        async with self._http.stream("POST", self._url, json=body, headers=headers) as response:
            received = bytearray()
            async for chunk in response.aiter_bytes():
                received += chunk
                if len(received) > self._max_bytes:
                    raise ProviderGarbage(f"The provider sent more than {self._max_bytes} bytes.")
            return response.status_code, response.headers, bytes(received)


def completions_url(base_url: str) -> str:
    """Where chat completions are posted: Groq's SDK appends /openai/v1 to a root, others end in /v1."""
    root = base_url.rstrip("/")
    return f"{root}/chat/completions" if root.endswith("/v1") else f"{root}/openai/v1/chat/completions"


def request_body(completion: Completion) -> dict[str, Any]:
    """Lay a completion out as the API wants it; what was not said is left to the provider."""
    body: dict[str, Any] = {
        "model": completion.model,
        "messages": [{"role": m.role, "content": m.content} for m in completion.messages],
    }
    if completion.temperature is not None:
        body["temperature"] = completion.temperature
    if completion.max_tokens is not None:
        body["max_completion_tokens"] = completion.max_tokens
    return body
