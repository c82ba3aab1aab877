"""What callers post to /v1/embeddings, and what they get; pure.

Source: https://platform.openai.com/docs/api-reference/embeddings.
"""

import base64
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from ingress.question import CacheOptions, offered
from shared.errors import BadRequest, FieldError
from shared.prices import usd
from shared.wire.embedding import Vector


class EmbeddingsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Texts to embed as OpenAI's clients ask for it, and our own members `cache` and `priority`."""

    input: str | list[Any]
    model: Annotated[str, Meta(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Annotated[int, Meta(ge=1, le=100_000)] | None = None
    user: str | None = None
    cache: CacheOptions = CacheOptions()
    priority: Literal["interactive", "batch"] = "interactive"


class Embedding(Struct):
    """One text's vector: numbers, or little-endian float32 in base64."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Struct):
    """Tokens as the embedder counted them when it was asked."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(Struct):
    """The vectors in the order of the texts, and under `sentinel` what the gateway did."""

    object: Literal["list"]
    data: list[Embedding]
    model: str
    usage: EmbeddingsUsage
    sentinel: dict[str, Any]


def texts_of(asked: EmbeddingsRequest, model: str, *, most: int) -> list[str]:
    """The texts to embed; raises UnknownModel and BadRequest."""
    offered(asked.model, (model,))
    texts = [asked.input] if isinstance(asked.input, str) else asked.input
    if not 1 <= len(texts) <= most:
        raise _bad("/input", f"has {len(texts)} texts; 1 to {most} are allowed")
    for number, text in enumerate(texts):
        where = "/input" if isinstance(asked.input, str) else f"/input/{number}"
        if isinstance(text, int | list):
            raise _bad(where, "is tokens, which are not supported: send the text")
        if not isinstance(text, str):
            raise _bad(where, "is not a text")
        if not text.strip():
            raise _bad(where, "is empty")
    return texts


def check_dimensions(asked: int | None, vector: Vector) -> None:
    """Raise BadRequest when a vector has not as many dimensions as were asked for."""
    given = len(vector.data) // 4
    if asked not in (None, given):
        raise _bad("/dimensions", f"is {asked}, but this embedder gives {given}")


def view(
    asked: EmbeddingsRequest,
    texts: Sequence[str],
    vectors: Mapping[str, Vector],
    *,
    stored: frozenset[str],
    job_id: str | None,
) -> Embeddings:
    """Lay the answer out; `stored` are the texts whose vectors were there."""
    bought = [vector.cost for text, vector in vectors.items() if text not in stored]
    saved = [vector.cost for text, vector in vectors.items() if text in stored]
    tokens = sum(vectors[text].tokens for text in texts)
    return Embeddings(
        object="list",
        data=[
            Embedding("embedding", n, encoded(vectors[text].data, asked.encoding_format))
            for n, text in enumerate(texts)
        ],
        model=asked.model,
        usage=EmbeddingsUsage(tokens, tokens),
        sentinel={
            "job_id": job_id,
            "cache": {"status": "miss" if bought else "hit", "hits": len(saved), "misses": len(bought)},
            "cost_usd": usd(_sum(bought)),
            "saved_usd": usd(_sum(saved)),
        },
    )


def encoded(data: bytes, form: str) -> list[float] | str:
    """A vector as it was asked for."""
    if form == "base64":
        return base64.b64encode(data).decode()
    numbers = array("f", data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tolist()


def _sum(costs: Sequence[int | None]) -> int | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


def _bad(pointer: str, reason: str) -> BadRequest:
    return BadRequest(f"{pointer} {reason}", errors=[FieldError(pointer=pointer, detail=reason)])
