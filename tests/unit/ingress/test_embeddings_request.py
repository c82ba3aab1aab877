"""Requests for embeddings: what they mean, what is refused, and how vectors are laid out."""

import base64
import struct
from typing import Any

import msgspec
import pytest

from ingress.body import decode
from ingress.embeddings_request import EmbeddingsRequest, check_dimensions, encoded, texts_of, view
from shared.errors import BadRequest, UnknownModel
from shared.fingerprint import text_fingerprint
from shared.settings.caching import LOCAL_MODEL
from shared.wire.embedding import Vector
from workers.semantic.minilm import LocalEmbedder

pytestmark = pytest.mark.unit


def asked(**members: Any) -> EmbeddingsRequest:
    """A request with these members."""
    return decode(msgspec.json.encode({"model": "m", "input": "Hello", **members}), EmbeddingsRequest)


def vector(*numbers: float, tokens: int = 1, cost: int | None = 5) -> Vector:
    """A vector as it is stored."""
    return Vector(struct.pack(f"<{len(numbers)}f", *numbers), tokens, cost)


def test_one_text_or_many_are_taken() -> None:
    """In their order, repeats included."""
    assert texts_of(asked(), "m", most=9) == ["Hello"]
    assert texts_of(asked(input=["a", "b", "a"]), "m", most=9) == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"input": [1, 2, 3]}, "/input/0"),
        ({"input": [[1, 2], [3]]}, "/input/0"),
        ({"input": ["a", {"image": "x"}]}, "/input/1"),
        ({"input": []}, "/input"),
        ({"input": ["a"] * 10}, "/input"),
        ({"input": ""}, "/input"),
        ({"input": ["a", " "]}, "/input/1"),
        ({"encoding_format": "int8"}, "/encoding_format"),
        ({"dimensions": 0}, "/dimensions"),
        ({"task": "retrieval"}, "/task"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(members: dict[str, Any], pointer: str) -> None:
    """Tokens above all: nobody here knows whose they are."""
    with pytest.raises(BadRequest) as refused:
        texts_of(asked(**members), "m", most=9)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_another_model_is_refused_with_the_one_there_is() -> None:
    """There is one embedder."""
    with pytest.raises(UnknownModel, match="offers m"):
        texts_of(asked(model="x"), "m", most=9)


def test_vectors_are_numbers_or_little_endian_float32_in_base64() -> None:
    """As OpenAI's clients read them."""
    data = vector(0.5, -1.0).data
    assert encoded(data, "float") == [0.5, -1.0]
    assert struct.unpack("<2f", base64.b64decode(str(encoded(data, "base64")))) == (0.5, -1.0)


def test_dimensions_are_checked_against_what_there_is() -> None:
    """A vector of another length is no answer."""
    check_dimensions(2, vector(0, 1))
    check_dimensions(None, vector(0, 1))
    with pytest.raises(BadRequest, match="gives 2"):
        check_dimensions(3, vector(0, 1))


def test_usage_counts_every_text_and_money_only_what_was_bought() -> None:
    """What was stored has been paid for; a price that nobody knows is unknown."""
    request = asked(input=["a", "b", "a"])
    found = {"a": vector(1, tokens=2, cost=7), "b": vector(1, tokens=3, cost=None)}
    told = view(request, ["a", "b", "a"], found, stored=frozenset("a"), job_id="j")
    assert [one.index for one in told.data] == [0, 1, 2]
    assert told.usage.total_tokens == 7
    assert told.sentinel["cost_usd"] is None
    assert told.sentinel["saved_usd"] == 7e-12
    assert told.sentinel["cache"] == {"status": "miss", "hits": 1, "misses": 1}


def test_texts_that_mean_the_same_bytes_share_a_vector_and_scopes_none() -> None:
    """NFC, and nothing more."""
    one = text_fingerprint(b"s", "scope", "space", "caf\u00e9")
    assert one == text_fingerprint(b"s", "scope", "space", "cafe\u0301")
    others = {text_fingerprint(b"s", *rest) for rest in (("x", "space", "a"), ("scope", "x", "a"))}
    assert len(others | {text_fingerprint(b"s", "scope", "space", "a")}) == 3


def test_the_local_model_is_called_what_its_worker_calls_it() -> None:
    """Callers name it; ingresses know it without loading it."""
    assert LocalEmbedder.model == LOCAL_MODEL
