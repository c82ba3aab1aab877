"""Embeddings that were billed and that no settle books: their callers had left, or their job was another's.

Gathered in memory and booked every second and at the end: a worker that is killed loses at most a second of
them, and the claim that follows counts an `embed_doubts`. What a settle can book, it books.
"""

import asyncio
import contextlib

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import ledger
from shared.wire.outcome import Embedding
from workers.semantic.nearest import Semantic

EVERY_S = 1.0
NOBODY = "-"
"""Tenant and key of what was billed for callers who had all left."""


async def keep_booking(semantic: Semantic, home: Redis) -> None:
    """Book every second, for ever; while Redis is away, what gathers waits."""
    while True:
        await asyncio.sleep(EVERY_S)
        with contextlib.suppress(RedisError, OSError):
            await book(semantic, home)


async def book(semantic: Semantic, home: Redis) -> None:
    """Book what has gathered; raises RedisError, and then it is kept."""
    tokens = semantic.take_unclaimed_tokens()
    if tokens:
        embedding = Embedding(semantic.model, tokens)
        semantic.unbooked.add(NOBODY, ledger.embedded(NOBODY, embedding, semantic.cost_of(tokens)))
    await semantic.unbooked.book(home)
