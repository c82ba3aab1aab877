"""The HTTP call that Jina's and OpenAI's embeddings share: bounded in time and size, and distrusted."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from shared import traceparent
from workers.semantic.embedder import Embedded, EmbedderError, checked

# A float is at most about 24 characters of JSON; the rest is room for the envelope.
_BYTES_PER_NUMBER = 32
_BYTES_OF_ENVELOPE = 65_536
_CLIENT_ERRORS = range(400, 500)


class _Row(Struct, frozen=True):
    index: int
    embedding: list[float]


class _Usage(Struct, frozen=True):
    total_tokens: int


class _Response(Struct, frozen=True):
    data: list[_Row]
    usage: _Usage


class EmbeddingsApi:
    """One service's embeddings; every failure is an EmbedderError within `deadline_s` seconds.

    A text longer than `max_tokens` is cut by the service, which does not say so. The client is the
    caller's, who also closes it; without one, an own client is made and closed.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        http: httpx.AsyncClient | None,
        dimensions: int,
        max_tokens: int,
        deadline_s: float,
    ) -> None:
        self._url = url
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = http or httpx.AsyncClient(timeout=httpx.Timeout(deadline_s))
        self._owns_http = http is None
        self._dimensions = dimensions
        self._max_tokens = max_tokens
        self._deadline_s = deadline_s

    async def embed(self, texts: Sequence[str], parameters: Mapping[str, Any]) -> Embedded:
        """Embed the texts in order; raises EmbedderError."""
        try:
            async with asyncio.timeout(self._deadline_s):
                body = await self._post({**parameters, "input": list(texts)}, len(texts))
        except TimeoutError as error:
            raise EmbedderError("timeout") from error
        except (httpx.InvalidURL, RuntimeError, ValueError) as error:
            # A closed client is a RuntimeError, text or a key that cannot be encoded a ValueError.
            raise EmbedderError(f"transport: {type(error).__name__}", verdict="ignored") from None
        except httpx.HTTPError as error:
            # Only the kind is told: httpx's messages may hold the URL, and its requests hold the key.
            raise EmbedderError(f"transport: {type(error).__name__}") from None
        return self._decoded(body, texts)

    async def aclose(self) -> None:
        """Close the client if it is our own."""
        if self._owns_http:
            await self._http.aclose()

    async def _post(self, payload: Mapping[str, Any], count: int) -> bytes:
        limit = _BYTES_OF_ENVELOPE + _BYTES_PER_NUMBER * self._dimensions * count
        place = traceparent.current.get()
        headers = {**self._headers, traceparent.HEADER: place} if place else self._headers
        async with self._http.stream("POST", self._url, json=payload, headers=headers) as response:
            status = response.status_code
            if status != httpx.codes.OK:
                # A service that refuses a call is well: it is the call, the key or the pace that is not.
                raise EmbedderError(
                    f"status {status}", verdict="ignored" if status in _CLIENT_ERRORS else "failure"
                )
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > limit:
                    raise EmbedderError("response too large")
        return bytes(body)

    def _decoded(self, body: bytes, texts: Sequence[str]) -> Embedded:
        try:
            response = msgspec.json.decode(body, type=_Response)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise EmbedderError("response unreadable") from None
        rows = sorted(response.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(texts))):
            raise EmbedderError("response incomplete")
        tokens = response.usage.total_tokens
        if tokens < 0:
            raise EmbedderError("usage unreadable")
        vectors = checked([row.embedding for row in rows], len(texts), self._dimensions)
        return Embedded(vectors, tokens, tuple(self._may_be_cut(text, tokens) for text in texts))

    def _may_be_cut(self, text: str, call_tokens: int) -> bool:
        # A text that was cut is longer than the limit, and makes the call cost as much.
        return call_tokens >= self._max_tokens and len(text) > self._max_tokens
