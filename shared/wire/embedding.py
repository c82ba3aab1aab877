"""Texts to embed, on their way to a worker in arq's payload layout, and the vectors that come back."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from shared.wire.job import Payload, decode_call, encode_call
from shared.wire.outcome import ArqResult, Failed

VERSION = 1
FUNCTION = "embed"
"""Name under which workers know the jobs that embed."""


class EmbedJob(Struct, frozen=True, kw_only=True):
    """Texts that no cache had, each with the fingerprint under which its vector is stored.

    `dimensions` is what the caller or the operator expects of the embedder, None for whatever it gives;
    `ttl_s` is how long vectors are kept, None for not at all; `labels` are what they can be purged by.
    """

    v: Annotated[int, Meta(ge=1)] = VERSION
    model: str
    texts: tuple[str, ...]
    fingerprints: tuple[str, ...]
    tenant: str
    key_id: str
    request_id: str
    dimensions: int | None = None
    ttl_s: float | None = None
    labels: tuple[str, ...] = ()
    priority: Literal["interactive", "batch"] = "interactive"


class Vector(Struct, frozen=True, array_like=True):
    """One text's vector, as little-endian float32, with the tokens and picodollars it was billed for."""

    data: bytes
    tokens: int
    cost: int | None


class Vectors(Struct, frozen=True, kw_only=True, tag="vectors"):
    """The vectors of a job's texts, in their order."""

    model: str
    vectors: tuple[Vector, ...]


class VectorsResult(ArqResult[Vectors | Failed], frozen=True, kw_only=True):
    """An embedding job's, with its vectors."""


_encoder = msgspec.msgpack.Encoder()
_job_decoder = msgspec.msgpack.Decoder(EmbedJob)
_result_decoder = msgspec.msgpack.Decoder(VectorsResult)
_vector_decoder = msgspec.msgpack.Decoder(Vector)


def encode_payload(job: EmbedJob, enqueued_at_ms: int) -> bytes:
    """Lay a job out as stock arq would."""
    return encode_call(FUNCTION, job, enqueued_at_ms)


def decode_job(payload: Payload) -> EmbedJob:
    """Read the job out of a call of `embed`; raises TooNew for a later version, and msgspec.DecodeError."""
    return decode_call(payload, _job_decoder, VERSION)


def encode_result(result: VectorsResult) -> bytes:
    """Lay settled vectors out as stock arq would."""
    return _encoder.encode(result)


def decode_result(data: bytes) -> VectorsResult:
    """Read settled vectors; raises msgspec.DecodeError for whatever else settled."""
    return _result_decoder.decode(data)


def encode_vector(vector: Vector) -> bytes:
    """Lay a vector out as it is stored."""
    return _encoder.encode(vector)


def decode_vector(data: bytes) -> Vector:
    """Read a stored vector; raises msgspec.DecodeError."""
    return _vector_decoder.decode(data)
