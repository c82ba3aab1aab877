"""A job on its way to a worker, in arq's payload layout."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from shared.wire.completion import CachePolicy, Completion

VERSION = 1
FUNCTION = "answer"
"""Name under which workers register the function that answers jobs."""


class Job(Struct, frozen=True, kw_only=True):
    """One flight's work; N twins share it.

    `partition` names the index in which its question may match by meaning.
    """

    v: Annotated[int, Meta(ge=1, le=VERSION)] = VERSION
    completion: Completion
    policy: CachePolicy
    tenant: str
    fingerprint: str
    partition: str
    request_id: str
    priority: Literal["interactive", "batch"] = "interactive"


class Payload(Struct, frozen=True):
    """arq's own layout: t(ry), f(unction), a(rgs), k(wargs), et (enqueue time in ms)."""

    t: int | None
    f: str
    a: tuple[Raw, ...]
    k: dict[str, Raw]
    et: int


_encoder = msgspec.msgpack.Encoder()
_payload_decoder = msgspec.msgpack.Decoder(Payload)
_job_decoder = msgspec.msgpack.Decoder(Job)


def encode_payload(job: Job, enqueued_at_ms: int) -> bytes:
    """Lay a job out as stock arq would."""
    return _encoder.encode({"t": None, "f": FUNCTION, "a": (), "k": {"job": job}, "et": enqueued_at_ms})


def decode_payload(data: bytes) -> Payload:
    """Read the call; raises msgspec.DecodeError. Arguments stay undecoded."""
    return _payload_decoder.decode(data)


def decode_job(payload: Payload) -> Job:
    """Read the job out of a call of `answer`; raises msgspec.DecodeError, also for a later version."""
    if "job" not in payload.k:
        raise msgspec.ValidationError("the call has no argument `job`")
    return _job_decoder.decode(payload.k["job"])
