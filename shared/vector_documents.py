"""Vectors as documents of the Redis Query Engine: one search index for each embedder.

An HNSW graph by cosine, with the partition as a tag: https://redis.io/docs/latest/develop/ai/search-and-query/
Redis removes a document from the index when its key expires or is deleted.
"""

from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.redis import keys

LINKS = 16
BREADTH_WHEN_ADDED = 200


async def has_engine(redis: Redis) -> bool:
    """Whether this server can search; raises RedisError."""
    client: Any = redis
    try:
        await client.execute_command("FT._LIST")
    except ResponseError:
        return False
    return True


async def ensure_index(redis: Redis, space: str, dimensions: int) -> None:
    """Make an embedder's search index unless it is there; raises RedisError."""
    client: Any = redis
    graph = ["TYPE", "FLOAT32", "DIM", dimensions, "DISTANCE_METRIC", "COSINE"]
    graph += ["M", LINKS, "EF_CONSTRUCTION", BREADTH_WHEN_ADDED]
    schema = ["partition", "TAG", "vector", "VECTOR", "HNSW", len(graph), *graph]
    try:
        await client.execute_command(
            *("FT.CREATE", keys.vectors(space), "ON", "HASH", "PREFIX", 1, keys.vector_prefix(space)),
            *("SCHEMA", *schema),
        )
    except ResponseError as error:
        if "already exists" not in str(error):
            raise


async def share_indexed(redis: Redis, space: str) -> float:
    """How much of what was there before its index is in it by now, 0 to 1; raises RedisError."""
    return float(await _fact(redis, space, b"percent_indexed"))


async def count_documents(redis: Redis, space: str) -> int:
    """How many vectors of an embedder there are, in all partitions; raises RedisError."""
    return int(float(await _fact(redis, space, b"num_docs")))


async def _fact(redis: Redis, space: str, name: bytes) -> bytes:
    client: Any = redis
    facts = await client.execute_command("FT.INFO", keys.vectors(space))
    found: bytes = facts[facts.index(name) + 1]
    return found
