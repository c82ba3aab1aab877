"""Jina's embedding API over HTTP."""

import asyncio
from collections.abc import Sequence

import httpx
import msgspec
from msgspec import Struct

from workers.semantic.embedder import Embedded, EmbedderError, checked

_TASK = "text-matching"
_MAX_TOKENS = 8192  # of one text; the service cuts what is longer
# A float is at most about 24 characters of JSON; the rest is room for the envelope.
_BYTES_PER_NUMBER = 32
_BYTES_OF_ENVELOPE = 65_536


class _Row(Struct, frozen=True):
    index: int
    embedding: list[float]


class _Usage(Struct, frozen=True):
    total_tokens: int


class _Response(Struct, frozen=True):
    data: list[_Row]
    usage: _Usage


class Jina:
    """Embeds over the network; every failure is an EmbedderError within the deadline.

    `deadline_s` bounds the whole call in seconds. The client is the caller's, who also closes it; without
    one, an own client is made and closed.
    """

    threshold = 0.8

    def __init__(
        self,
        key: str,
        *,
        http: httpx.AsyncClient | None = None,
        base_url: str = "https://api.jina.ai",
        model: str = "jina-embeddings-v3",
        dimensions: int = 1024,
        deadline_s: float = 2.0,
    ) -> None:
        self.name = f"{model}/{_TASK}/{dimensions}"
        self.dimensions = dimensions
        self._model = model
        self._url = f"{base_url.rstrip('/')}/v1/embeddings"
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._deadline_s = deadline_s
        self._http = http or httpx.AsyncClient(timeout=httpx.Timeout(deadline_s))
        self._owns_http = http is None

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order, cut by the service where too long; raises EmbedderError."""
        try:
            async with asyncio.timeout(self._deadline_s):
                body = await self._post(texts)
        except TimeoutError as error:
            raise EmbedderError("timeout") from error
        except (httpx.HTTPError, httpx.InvalidURL, RuntimeError, ValueError) as error:
            # A closed client is a RuntimeError, text or a key that cannot be encoded a ValueError. Only the
            # kind is told: httpx's messages may hold the URL, and its requests hold the key.
            raise EmbedderError(f"transport: {type(error).__name__}") from None
        return self._decoded(body, texts)

    async def aclose(self) -> None:
        """Close the client if it is our own."""
        if self._owns_http:
            await self._http.aclose()

    async def _post(self, texts: Sequence[str]) -> bytes:
        payload = {
            "model": self._model,
            "task": _TASK,
            "normalized": True,
            "truncate": True,
            "dimensions": self.dimensions,
            "embedding_type": "float",
            "input": list(texts),
        }
        limit = _BYTES_OF_ENVELOPE + _BYTES_PER_NUMBER * self.dimensions * len(texts)
        async with self._http.stream("POST", self._url, json=payload, headers=self._headers) as response:
            if response.status_code != httpx.codes.OK:
                raise EmbedderError(f"status {response.status_code}")
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
        vectors = checked([row.embedding for row in rows], len(texts), self.dimensions)
        return Embedded(vectors, tokens, tuple(_may_be_cut(text, tokens) for text in texts))


def _may_be_cut(text: str, call_tokens: int) -> bool:
    # The service does not say; but a text that it cut is longer than this and makes the call cost this much.
    return call_tokens >= _MAX_TOKENS and len(text) > _MAX_TOKENS
