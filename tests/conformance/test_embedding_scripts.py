"""Stored vectors: found by their text, and gone when they were purged."""

import pytest
from redis.asyncio import Redis

from shared.embeddings import EmbeddingCache
from shared.purging import Purge, labels_for
from shared.redis import keys
from shared.wire.completion import CachePolicy
from shared.wire.embedding import EmbedJob, Vector

pytestmark = pytest.mark.anyio
LABELS = tuple(labels_for("m", CachePolicy(namespace="n")))
ONE, OTHER = Vector(b"1234", 3, 7), Vector(b"5678", 4, None)


def job(*, ttl_s: float | None = 60) -> EmbedJob:
    """Two texts of one request."""
    return EmbedJob(
        model="m",
        texts=("a", "b"),
        fingerprints=("fa", "fb"),
        tenant="t",
        key_id="k",
        request_id="r",
        ttl_s=ttl_s,
        labels=LABELS,
    )


async def now_ms(store: Redis) -> int:
    """Its clock."""
    seconds, micros = await store.time()
    return int(seconds) * 1000 + int(micros) // 1000


async def test_what_is_stored_is_found_for_its_time(store: Redis) -> None:
    """Each by its fingerprint, in the order that was asked for."""
    cache = EmbeddingCache(store)
    await cache.store(job(), [ONE, OTHER], asked_at_ms=await now_ms(store))
    assert await cache.find("t", ["fb", "fx", "fa"], LABELS) == [OTHER, None, ONE]
    assert 0 < await store.pttl(keys.embedding("fa")) <= 60_000


async def test_who_asks_for_nothing_to_be_stored_gets_that(store: Redis) -> None:
    """`no-store`."""
    cache = EmbeddingCache(store)
    await cache.store(job(ttl_s=None), [ONE, OTHER], asked_at_ms=await now_ms(store))
    assert await cache.find("t", ["fa", "fb"], LABELS) == [None, None]


@pytest.mark.parametrize(
    ("kind", "value"), [("all", ""), ("model", "m"), ("namespace", "n"), ("namespace", "other")]
)
async def test_a_purge_hides_what_was_asked_for_before_it(store: Redis, kind: str, value: str) -> None:
    """Also what is stored later, and only what bears the label."""
    cache = EmbeddingCache(store)
    asked_at_ms = await now_ms(store) - 1
    await cache.store(job(), [ONE, OTHER], asked_at_ms=asked_at_ms)
    await Purge(store, [store], deadline_s=5).by("t", kind, value)  # type: ignore[arg-type]
    stays = value == "other"
    assert await cache.find("t", ["fa", "fb"], LABELS) == ([ONE, OTHER] if stays else [None, None])
    if not stays:
        await cache.store(job(), [ONE, OTHER], asked_at_ms=asked_at_ms)
        assert await cache.find("t", ["fa"], LABELS) == [None]
    await cache.store(job(), [ONE, OTHER], asked_at_ms=await now_ms(store) + 5)
    assert await cache.find("t", ["fa"], LABELS) == [ONE]


async def test_without_the_marks_nothing_is_served(store: Redis) -> None:
    """They were evicted, and nobody knows what they said."""
    cache = EmbeddingCache(store)
    await cache.store(job(), [ONE, OTHER], asked_at_ms=await now_ms(store))
    await store.delete(keys.purged("t"))
    assert await cache.find("t", ["fa"], LABELS) == [None]
