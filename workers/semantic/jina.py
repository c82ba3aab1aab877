"""Jina's embedding API over HTTP."""

from collections.abc import Sequence
from typing import NamedTuple

import httpx

from workers.semantic.embedder import Embedded
from workers.semantic.embeddings_api import EmbeddingsApi

_TASK = "text-matching"


class _Model(NamedTuple):
    dimensions: int
    max_tokens: int


_MODELS = {
    "jina-embeddings-v3": _Model(1024, 8_192),
    "jina-embeddings-v5-text-small": _Model(1024, 32_768),
    "jina-embeddings-v5-text-nano": _Model(768, 8_192),
}
"""What each model gives unless asked for fewer dimensions, and how much of a text it reads."""


class Jina:
    """Embeds over the network; every failure is an EmbedderError within the deadline.

    `deadline_s` bounds the whole call in seconds; without `dimensions` the model's own are asked for.
    """

    threshold = 0.8
    vendor = "jina"

    def __init__(
        self,
        key: str,
        *,
        http: httpx.AsyncClient | None = None,
        base_url: str = "https://api.jina.ai",
        model: str = "jina-embeddings-v3",
        dimensions: int | None = None,
        deadline_s: float = 2.0,
    ) -> None:
        known = _MODELS.get(model, _MODELS["jina-embeddings-v3"])
        self.model = model
        self.dimensions = dimensions or known.dimensions
        self.name = f"{model}/{_TASK}/{self.dimensions}"
        self._api = EmbeddingsApi(
            f"{base_url.rstrip('/')}/v1/embeddings",
            key,
            http=http,
            dimensions=self.dimensions,
            max_tokens=known.max_tokens,
            deadline_s=deadline_s,
        )

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order, cut by the service where too long; raises EmbedderError."""
        parameters = {
            "model": self.model,
            "task": _TASK,
            "normalized": True,
            "truncate": True,
            "dimensions": self.dimensions,
            "embedding_type": "float",
        }
        return await self._api.embed(texts, parameters)

    async def aclose(self) -> None:
        """Close the client if it is our own."""
        await self._api.aclose()
