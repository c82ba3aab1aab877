"""A client as the product makes it, as patient as the test wants it, and what the server knows of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from shared.redis import connect
from shared.settings import Settings

TIMEOUT_S = 0.5
"""For a timeout that is to be seen; a busy machine's server answers sooner."""

PATIENCE_S = 20.0
"""Longer than anything here may take, and shorter than a test's own timeout."""


@asynccontextmanager
async def client_of(
    url: str, connections: int = 1, timeout_s: float = PATIENCE_S, blocking_s: float = 0.0
) -> AsyncIterator[Redis]:
    """A client that gives every connection back, and is closed at the end; nothing in between may hang."""
    settings = Settings(redis_connections=connections, redis_timeout_s=timeout_s)
    client = connect.connect(url, settings, client_name="ours", blocking_s=blocking_s)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield client
    finally:
        assert not client.connection_pool._in_use_connections, "a connection was not given back"
        await client.aclose()


async def named_ours(url: str) -> list[dict[str, str]]:
    """What the server knows of our connections."""
    async with Redis.from_url(url) as client:
        return [found for found in await client.client_list() if found["name"] == "ours"]


async def blocked(url: str) -> bool:
    """Whether one of our connections rests in a blocking command."""
    return any("b" in found["flags"] for found in await named_ours(url))


async def raw(client: Redis, *words: Any) -> Any:
    """One command, with its reply as it is."""
    return await client.execute_command(*words)  # type: ignore[no-untyped-call]
