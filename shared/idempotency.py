"""First answers by idempotency key: bound to an API key and one request, kept for a day (a setting).

Source: draft-ietf-httpapi-idempotency-key-header. Answers are kept, compressed, where none is evicted.
"""

import asyncio
import hashlib
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.errors import KeyReused
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script


class Kept(Struct, frozen=True):
    """An answer as it was first given."""

    status: int
    headers: dict[str, str]
    body: bytes


class Slot(Struct, frozen=True):
    """One idempotency key of one API key, and the digest of the request that carries it."""

    name: str
    request: str


def slot_of(key_id: str, idempotency_key: str, *request: bytes) -> Slot:
    """Where a request's first answer is; neither the key nor the request can be read from it."""
    name = hashlib.sha256(idempotency_key.encode()).hexdigest()
    digest = hashlib.sha256()
    for part in request:
        digest.update(len(part).to_bytes(8, "big") + part)
    return Slot(keys.idempotency(key_id, name), digest.hexdigest())


class FirstAnswers:
    """The idempotency keys of one installation; every method raises RedisUnavailable."""

    def __init__(self, redis: Redis, *, kept_s: float, deadline_s: float) -> None:
        self._redis = redis
        self._kept_ms = int(kept_s * 1000)
        self._deadline_s = deadline_s

    async def begin(self, slot: Slot) -> Kept | None:
        """Return the first answer, or None while there is none; raises KeyReused."""
        async with self._in_time():
            arguments: list[Argument] = [slot.request, self._kept_ms]
            found = await script("begin_request").run(self._redis, [slot.name], arguments)
        verdict = found[0].decode()
        if verdict == "other":
            raise KeyReused("This Idempotency-Key came with another request before; use a new one.")
        if verdict != "answered":
            return None
        headers = msgspec.json.decode(found[2], type=dict[str, str])
        return Kept(int(found[1]), headers, zlib.decompress(found[3]))

    async def keep(self, slot: Slot, answer: Kept) -> None:
        """Keep an answer, unless another was first."""
        headers, body = msgspec.json.encode(answer.headers), zlib.compress(answer.body)
        packed: list[Argument] = [slot.request, self._kept_ms, answer.status, headers, body]
        async with self._in_time():
            await script("keep_answer").run(self._redis, [slot.name], packed)

    async def free(self, slot: Slot) -> None:
        """Let the key be used again after a failure: nothing was answered that could be repeated."""
        async with self._in_time():
            await script("keep_answer").run(self._redis, [slot.name], [slot.request, "", "", "", ""])

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield
