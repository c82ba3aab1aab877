"""What the cache keeps: answers, and the vectors by which near questions find them."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from shared.wire.outcome import Answer

VERSION = 1


class Entry(Struct, frozen=True, kw_only=True):
    """One stored answer; its id is the fingerprint of the request that bought it. Times are Redis ms.

    It is fresh until `fresh_until_ms` and kept, stale, until `expires_at_ms`. `asked_at_ms` is when the
    attempt that bought it was claimed: a purge since then is a purge of this answer. `ttl_s` is what its
    caller asked for. An entry of a release that knew no staleness is fresh until it ends. `partition` is
    where its vector is; '' when it has none, and for entries of a release that did not note it.
    """

    v: Annotated[int, Meta(ge=1, le=VERSION)] = VERSION
    id: str
    job_id: str
    tenant: str
    question: str
    answer: Answer
    created_at_ms: int
    expires_at_ms: int
    fresh_until_ms: int | None = None
    asked_at_ms: int | None = None
    ttl_s: int | None = None
    model: str = ""
    namespace: str | None = None
    tags: tuple[str, ...] = ()
    partition: str = ""


class IndexRow(Struct, frozen=True, kw_only=True):
    """An entry's place in a partition: its unit vector as little-endian float32, and when it ends."""

    vector: bytes
    expires_at_ms: int


class IndexChange(Struct, frozen=True, kw_only=True):
    """One change of an index, as every worker hears it."""

    op: Literal["put", "drop"]
    partition: str
    entry_id: str
    row: IndexRow | None = None


class Commit(Struct, frozen=True, kw_only=True):
    """What a settle owes the cache: an entry and, if it was embedded, its place in the index.

    `key_id` is the API key that it was bought for, `shared` the question's identity whoever asks it.
    """

    fence: str
    entry: Entry
    partition: str
    row: IndexRow | None = None
    key_id: str = ""
    shared: str = ""


encode = msgspec.msgpack.Encoder().encode
decode_entry = msgspec.msgpack.Decoder(Entry).decode
decode_row = msgspec.msgpack.Decoder(IndexRow).decode
decode_change = msgspec.msgpack.Decoder(IndexChange).decode
decode_commit = msgspec.msgpack.Decoder(Commit).decode
