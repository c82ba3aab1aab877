"""Jina's embeddings: what is refused, and the vectors that are answered."""

import base64
import struct
from collections.abc import Collection

import msgspec

from simulator.answers import count_tokens
from simulator.errors import Refusal
from simulator.pricing import Tokens
from simulator.reply import Reply, json_reply
from simulator.vectors import embed, unit
from simulator.wire import EmbeddingsRequest, TextInput

_LONGEST_TOKENS = 8192


def embeddings_reply(raw: object, models: Collection[str]) -> Reply:
    """Reply to an embeddings call's decoded body.

    Raises Refusal 422 for a body that does not fit, 400 for an unknown model or a text over 8,192 tokens
    that may not be truncated.
    """
    request = _checked(raw)
    if request.model not in models:
        raise Refusal(400, f"Model {request.model} not found", code="INPUT_MODEL_NOT_FOUND")
    texts = [_fitted(text, truncate=request.truncate) for text in inputs_of(request)]
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, request)}
        for index, text in enumerate(texts)
    ]
    total = sum(count_tokens(text) for text in texts)
    usage = {"total_tokens": total, "prompt_tokens": total}
    payload = {"model": request.model, "object": "list", "usage": usage, "data": data}
    return json_reply(payload, tokens=Tokens(total, 0, total))


def inputs_of(request: EmbeddingsRequest) -> list[str]:
    """List the texts to embed, whichever form they came in."""
    given = request.input if isinstance(request.input, list) else [request.input]
    return [item.text if isinstance(item, TextInput) else item for item in given]


def _checked(raw: object) -> EmbeddingsRequest:
    try:
        return msgspec.convert(raw, EmbeddingsRequest)
    except msgspec.ValidationError as error:
        raise Refusal(422, f"Validation error: {error}") from error


def _fitted(text: str, *, truncate: bool) -> str:
    count = count_tokens(text)
    if count <= _LONGEST_TOKENS:
        return text
    if not truncate:
        raise Refusal(
            400, f"Input text exceeds the maximum length of {_LONGEST_TOKENS} tokens: it has {count}."
        )
    return text.encode()[: _LONGEST_TOKENS * 4].decode(errors="ignore")


def _vector(text: str, request: EmbeddingsRequest) -> list[float] | str:
    # A query has to find its passage, so both halves of retrieval share a space.
    space = (request.task or "none").removesuffix(".query").removesuffix(".passage")
    vector = embed(text, request.dimensions, space)
    if request.normalized:
        vector = unit(vector)
    if "base64" in (request.embedding_type, request.encoding_format):
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return vector
