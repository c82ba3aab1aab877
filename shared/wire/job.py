"""A job on its way to a worker, in arq's payload layout."""

from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.msgpack import Decoder

from shared.wire.completion import CachePolicy, Completion

Called = TypeVar("Called", bound=Struct)
VERSION = 1
FUNCTION = "answer"
"""Name under which workers register the function that answers jobs."""


class TooNew(Exception):
    """A job that a later release laid out: not for this one to run, or to fail."""

    def __init__(self, version: int) -> None:
        super().__init__(f"version {version}")
        self.version = version


class _Version(Struct):
    v: int = 1


class Check(Struct, frozen=True, kw_only=True):
    """Why a question is asked that was answered from the cache: to see whether that answer was right.

    `source` is the job that bought the entry, `chance` what the policy gave the pair, and `reserved` the
    picodollars set aside on `day`.
    """

    entry_id: str
    source: str
    policy: str
    chance: float
    reserved: int
    day: int


class Job(Struct, frozen=True, kw_only=True):
    """One flight's work; N twins share it.

    `partition` names the index in which its question may match by meaning; `key_id` is the key that started
    the flight and pays for it; `traceparent` is where in a trace that was, '' for none. `shared` is the
    question's identity whoever asks it, '' when its answer is not to be shared.
    """

    v: Annotated[int, Meta(ge=1, le=VERSION)] = VERSION
    completion: Completion
    policy: CachePolicy
    tenant: str
    fingerprint: str
    partition: str
    request_id: str
    priority: Literal["interactive", "batch"] = "interactive"
    key_id: str = ""
    check: Check | None = None
    traceparent: str = ""
    shared: str = ""


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
_version_decoder = msgspec.msgpack.Decoder(_Version)


def encode_payload(job: Job, enqueued_at_ms: int) -> bytes:
    """Lay a job out as stock arq would."""
    return encode_call(FUNCTION, job, enqueued_at_ms)


def encode_call(function: str, job: Struct, enqueued_at_ms: int) -> bytes:
    """Lay a call of a function with its job out as stock arq would."""
    return _encoder.encode({"t": None, "f": function, "a": (), "k": {"job": job}, "et": enqueued_at_ms})


def decode_payload(data: bytes) -> Payload:
    """Read the call; raises msgspec.DecodeError. Arguments stay undecoded."""
    return _payload_decoder.decode(data)


def decode_job(payload: Payload) -> Job:
    """Read the job out of a call of `answer`; raises TooNew for a later version, and msgspec.DecodeError."""
    return decode_call(payload, _job_decoder, VERSION)


def decode_call(payload: Payload, decoder: Decoder[Called], known: int) -> Called:
    """Read a call's job, whose versions are known up to one; raises TooNew, and msgspec.DecodeError.

    The version comes first: what a later one looks like nobody here can know.
    """
    if "job" not in payload.k:
        raise msgspec.ValidationError("the call has no argument `job`")
    version = _version_decoder.decode(payload.k["job"]).v
    if version > known:
        raise TooNew(version)
    return decoder.decode(payload.k["job"])
