"""Anything that speaks OpenAI's `/v1/embeddings`: OpenAI, vLLM, text-embeddings-inference, Ollama."""

from collections.abc import Sequence

import httpx

from shared.errors import BadSetting
from workers.semantic.embedder import Embedded
from workers.semantic.embeddings_api import EmbeddingsApi

_NATIVE = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_SHORTENED = "text-embedding-3"
"""Models with this beginning give fewer dimensions when asked; others refuse to be asked."""


class OpenAIEmbeddings:
    """Embeds over the network; every failure is an EmbedderError within `deadline_s` seconds.

    `base_url` ends where `/embeddings` follows. Raises BadSetting when the dimensions of an unknown model
    are not told: what has another length is refused, and the index is made for one.
    """

    threshold = 0.9  # not calibrated: models differ, so this one is careful
    vendor = "openai"

    def __init__(
        self,
        key: str,
        *,
        model: str,
        http: httpx.AsyncClient | None = None,
        base_url: str = "https://api.openai.com/v1",
        dimensions: int | None = None,
        max_tokens: int = 8_192,
        deadline_s: float = 2.0,
    ) -> None:
        native = _NATIVE.get(model)
        self.dimensions = dimensions or native or 0
        if not self.dimensions:
            raise BadSetting("SENTINEL_EMBEDDER_DIMENSIONS", f"must be set for the model {model!r}")
        self.model = model
        self.name = f"{model}/{self.dimensions}"
        self._parameters: dict[str, object] = {"model": model, "encoding_format": "float"}
        if model.startswith(_SHORTENED) and self.dimensions != native:
            self._parameters["dimensions"] = self.dimensions
        self._api = EmbeddingsApi(
            f"{base_url.rstrip('/')}/embeddings",
            key,
            http=http,
            dimensions=self.dimensions,
            max_tokens=max_tokens,
            deadline_s=deadline_s,
        )

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order; raises EmbedderError."""
        return await self._api.embed(texts, self._parameters)

    async def aclose(self) -> None:
        """Close the client if it is our own."""
        await self._api.aclose()
