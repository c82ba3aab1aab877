"""A look at what is near an entry, on its way to a worker in arq's payload layout, and what comes back."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from shared.wire.job import Payload, decode_call, encode_call
from shared.wire.outcome import ArqResult, Failed, Verdict

VERSION = 1
FUNCTION = "similar"
"""Name under which workers know the jobs that look for similar entries."""


class SimilarJob(Struct, frozen=True, kw_only=True):
    """A tenant's entry whose `most` nearest neighbours somebody wants to see."""

    v: Annotated[int, Meta(ge=1)] = VERSION
    tenant: str
    entry_id: str
    request_id: str = ""
    most: Annotated[int, Meta(ge=1, le=100)] = 10


class Near(Struct, frozen=True, kw_only=True):
    """A neighbour: its cosine, -1 to 1, and whether its answer would be served for the entry's question."""

    entry_id: str
    similarity: float
    match: bool
    verdict: str
    guards: tuple[Verdict, ...] = ()


class Neighbours(Struct, frozen=True, kw_only=True, tag="similar"):
    """An entry's neighbours, the nearest first, as a policy sees them; `known` is false without a vector."""

    known: bool
    policy: str = ""
    threshold: float = 0.0
    near: tuple[Near, ...] = ()


class NeighboursResult(ArqResult[Neighbours | Failed], frozen=True, kw_only=True):
    """A look's, with the neighbours."""


_encoder = msgspec.msgpack.Encoder()
_job_decoder = msgspec.msgpack.Decoder(SimilarJob)
_result_decoder = msgspec.msgpack.Decoder(NeighboursResult)


def encode_payload(job: SimilarJob, enqueued_at_ms: int) -> bytes:
    """Lay a job out as stock arq would."""
    return encode_call(FUNCTION, job, enqueued_at_ms)


def decode_job(payload: Payload) -> SimilarJob:
    """Read the job out of a call of `similar`; raises TooNew for a later version, and msgspec.DecodeError."""
    return decode_call(payload, _job_decoder, VERSION)


def encode_result(result: NeighboursResult) -> bytes:
    """Lay settled neighbours out as stock arq would."""
    return _encoder.encode(result)


def decode_result(data: bytes) -> NeighboursResult:
    """Read settled neighbours; raises msgspec.DecodeError for whatever else settled."""
    return _result_decoder.decode(data)
