"""The cache of embeddings: one vector per text, model and scope, on the cache Redis.

A vector is a pure function of its text: it does not go stale, and two workers that store it store the same.
It is written before its job settles; one that gets lost costs an embedding and no more.
"""

from collections.abc import Sequence

import msgspec
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.scripts import Argument, script
from shared.wire.embedding import EmbedJob, Vector, decode_vector, encode_vector

AT_ONCE = 256
"""Vectors read or written by one script, which nobody else can use Redis during."""


class EmbeddingCache:
    """The embeddings of one cache Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def find(
        self, tenant: str, fingerprints: Sequence[str], labels: Sequence[str]
    ) -> list[Vector | None]:
        """Look vectors up; None where there is none, or it is purged. Raises RedisError."""
        found: list[Vector | None] = []
        for first in range(0, len(fingerprints), AT_ONCE):
            some = fingerprints[first : first + AT_ONCE]
            places = [keys.purged(tenant), *map(keys.embedding, some)]
            replies = await script("find_embeddings").run(self._redis, places, list(labels))
            found += map(_read, replies)
        return found

    async def store(self, job: EmbedJob, vectors: Sequence[Vector], *, asked_at_ms: int) -> None:
        """Keep a job's vectors, unless they have been purged meanwhile; raises RedisError."""
        if job.ttl_s is None:
            return
        head: list[Argument] = [asked_at_ms, int(job.ttl_s * 1000), len(job.labels), *job.labels]
        for first in range(0, len(vectors), AT_ONCE):
            some = slice(first, first + AT_ONCE)
            places = [keys.purged(job.tenant), *map(keys.embedding, job.fingerprints[some])]
            data = map(encode_vector, vectors[some])
            await script("store_embeddings").run(self._redis, places, [*head, *data])


def _read(data: bytes | None) -> Vector | None:
    if data is None:
        return None
    try:
        return decode_vector(data)
    except msgspec.DecodeError:
        # What another release wrote in a way we cannot read is a miss, not an error.
        return None
