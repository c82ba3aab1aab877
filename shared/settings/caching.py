"""What counts as the same question, and how long its answer is served."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.secret import Secret
from shared.settings.kinds import Count, Seconds

LOCAL_MODEL = "all-MiniLM-L6-v2"
"""The model that embeds without a key."""


@dataclass(frozen=True, kw_only=True)
class CachingSettings:
    """What counts as the same question, and how long its answer is served."""

    entry_ttl_s: Annotated[
        Seconds,
        Meta(
            description="how long an answer is kept at all, fresh or stale, in seconds (30 days); longer "
            "only for a request whose `ttl` is longer"
        ),
    ] = 2_592_000.0
    fresh_for_s: Annotated[
        Seconds,
        Meta(
            description="how long an answer is fresh, unless its request says `ttl`, in seconds (7 days); "
            "only a fresh one is a hit"
        ),
    ] = 604_800.0
    stale_while_revalidate_s: Annotated[
        float,
        Meta(
            ge=0,
            le=31_536_000,
            description="for how long after that it is served stale at once, while one call refreshes it, in "
            "seconds (a day)",
        ),
    ] = 86_400.0
    refresh_pause_s: Annotated[
        Seconds,
        Meta(
            description="after a refresh that brought nothing to store, how long until the same answer is "
            "refreshed again, in seconds"
        ),
    ] = 30.0
    stale_if_error_s: Annotated[
        float,
        Meta(
            ge=0,
            le=31_536_000,
            description="for how long after being fresh it is served when the provider fails, in seconds (30 "
            "days); the most staleness that a request may accept, 0 for none",
        ),
    ] = 2_592_000.0
    similarity_threshold: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(description="least cosine similarity of a semantic hit; default: the embedder's calibrated one"),
    ] = None
    semantic_policy: Annotated[
        Literal["cosine", "guards", "verified"],
        Meta(
            description="who decides on a near question: its cosine alone, the guards too, or the verifier, "
            "which weighs all they say; see docs/QUALITY.md"
        ),
    ] = "verified"
    verifier_chance: Annotated[
        float,
        Meta(
            ge=0, le=1, description="least chance, by the verifier, that a stored answer serves the question"
        ),
    ] = 0.8
    volatile_ttl_s: Annotated[
        float,
        Meta(
            ge=0,
            le=31_536_000,
            description="life of answers about now, today, weather or prices, in seconds; 0: not stored",
        ),
    ] = 60.0
    cache_tool_calls: Annotated[
        bool,
        Meta(description="store answers that call tools, too; acting again on an old one may be wrong"),
    ] = False
    index: Annotated[
        Literal["memory", "redis"],
        Meta(
            description="where vectors are searched: each worker's memory, or a cache Redis with the Query "
            "Engine, for more than a worker holds; `sentinel cache reindex` moves a fleet that runs"
        ),
    ] = "memory"
    index_capacity: Annotated[
        Count, Meta(description="vectors a worker keeps in memory per partition (384 float32: 1.5 kB each)")
    ] = 200_000
    index_memory_mb: Annotated[
        Count,
        Meta(
            description="memory for a worker's vectors over all partitions; the one asked longest ago is "
            "forgotten first, and loaded again when asked"
        ),
    ] = 1024
    jina_api_key: Annotated[
        Secret | None, Meta(description="with it, Jina embeds; without it, a local model")
    ] = None
    jina_base_url: Annotated[str, Meta(description="root of Jina's embedding API")] = "https://api.jina.ai"
    jina_model: Annotated[str, Meta(description="Jina's embedding model")] = "jina-embeddings-v3"
    embedder: Annotated[
        Literal["auto", "jina", "openai", "local"],
        Meta(
            description="who embeds: Jina, anything with OpenAI's /embeddings, or a model in the worker; "
            "`auto` is Jina if there is a key for it, else local"
        ),
    ] = "auto"
    embedder_base_url: Annotated[
        str, Meta(description="where `/embeddings` follows, for SENTINEL_EMBEDDER=openai")
    ] = "https://api.openai.com/v1"
    embedder_api_key: Annotated[
        Secret | None, Meta(description="key for SENTINEL_EMBEDDER=openai; default: calls carry none")
    ] = None
    embedder_model: Annotated[str, Meta(description="model for SENTINEL_EMBEDDER=openai")] = (
        "text-embedding-3-small"
    )
    embedder_dimensions: Annotated[
        Count | None,
        Meta(description="length of the vectors of Jina or OpenAI; default: that of a model we know"),
    ] = None
    embedder_max_tokens: Annotated[
        Count,
        Meta(
            description="tokens that the model of SENTINEL_EMBEDDER=openai reads of a text; one that may be "
            "longer is not compared"
        ),
    ] = 8_192
    embed_deadline_s: Annotated[
        Seconds, Meta(description="total time for one embedding; past it the semantic step is skipped")
    ] = 2.0
    embed_window_s: Annotated[
        float,
        Meta(ge=0, le=1, description="how long embeddings of concurrent jobs are gathered into a batch"),
    ] = 0.002

    embed_inputs_max: Annotated[
        Count, Meta(description="texts that one request to /v1/embeddings may have, as OpenAI's")
    ] = 2_048

    @property
    def embedding_model(self) -> str:
        """The embedder's model, as callers name it."""
        named = {"jina": self.jina_model, "openai": self.embedder_model, "local": LOCAL_MODEL}
        return named[self.embedder_used]

    @property
    def embedder_used(self) -> Literal["jina", "openai", "local"]:
        """Who embeds."""
        if self.embedder != "auto":
            return self.embedder
        return "local" if self.jina_api_key is None else "jina"
