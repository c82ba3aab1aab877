"""The embedder that the settings ask for."""

from pathlib import Path

import httpx

from shared.breakers import Breakers
from shared.errors import BadSetting
from shared.settings import Settings
from workers.semantic.batcher import Batcher
from workers.semantic.embedder import Embedder
from workers.semantic.embedder_breaker import WithBreaker


async def open_embedder(settings: Settings, http: httpx.AsyncClient, breakers: Breakers) -> Embedder:
    """Open it, gathering concurrent calls; raises BadSetting, or EmbedderError for a local model."""
    window_s = settings.embed_window_s
    if settings.embedder_used == "local":
        from workers.semantic.minilm import LocalEmbedder  # noqa: PLC0415 - it costs 100 ms to import

        local = await LocalEmbedder.open(Path(settings.local_model_dir))
        # One thread computes: a second flight would only stand in its queue.
        return Batcher(local, window_s=window_s, concurrency=1)
    remote = _jina(settings, http) if settings.embedder_used == "jina" else _openai(settings, http)
    return Batcher(WithBreaker(remote, breakers), window_s=window_s)


def _jina(settings: Settings, http: httpx.AsyncClient) -> Embedder:
    from workers.semantic.jina import Jina  # noqa: PLC0415 - only the embedder in use is loaded

    if settings.jina_api_key is None:
        raise BadSetting("JINA_API_KEY", "must be set when SENTINEL_EMBEDDER=jina")
    return Jina(
        settings.jina_api_key.reveal(),
        http=http,
        base_url=settings.jina_base_url,
        model=settings.jina_model,
        dimensions=settings.embedder_dimensions,
        deadline_s=settings.embed_deadline_s,
    )


def _openai(settings: Settings, http: httpx.AsyncClient) -> Embedder:
    from workers.semantic.openai_embeddings import OpenAIEmbeddings  # noqa: PLC0415 - as above

    key = settings.embedder_api_key
    return OpenAIEmbeddings(
        "" if key is None else key.reveal(),
        model=settings.embedder_model,
        http=http,
        base_url=settings.embedder_base_url,
        dimensions=settings.embedder_dimensions,
        max_tokens=settings.embedder_max_tokens,
        deadline_s=settings.embed_deadline_s,
    )
