"""What stored and shared answers save: known in the ingress alone, gathered here and booked every second.

An ingress that is killed loses at most a second of savings. Spending is never booked here.
"""

import asyncio
import contextlib
from collections.abc import Iterable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared import ledger, metrics
from shared.clients import Client
from shared.prices import PICODOLLARS
from shared.rates import Rates
from shared.wire.outcome import Answer

EVERY_S = 1.0
SAVED = {kind: metrics.saved.labels(kind) for kind in ("exact", "semantic", "collapsed", "stale")}


class Savings:
    """The savings of one ingress process; `run` must run, and `book` once more at the end."""

    def __init__(self, home: Redis, rates: Rates) -> None:
        self._home = home
        self._rates = rates
        self._batch = ledger.Batch()

    def add(self, client: Client, answer: Answer, kind: str) -> None:
        """Note an answer that needed no call: exact, semantic, collapsed or stale. Costs two additions."""
        self._rates.count(f"hit:{kind}")
        self._batch.add(client.tenant, ledger.saving(client.key_id, answer, kind))
        if answer.cost:
            SAVED[kind].inc(answer.cost / PICODOLLARS)

    def book_later(self, tenant: str, amounts: Iterable[tuple[str, int]]) -> None:
        """Note what an exact hit has saved, laid out by `ledger.saving`; its metric is somebody else's."""
        self._rates.count("hit:exact")
        self._batch.add(tenant, amounts)

    def add_embedding(self, client: Client, model: str, cost: int | None) -> None:
        """Note a vector that was there, and what it had cost."""
        self._batch.add(client.tenant, ledger.embedding_saved(client.key_id, model, cost))
        if cost:
            metrics.saved.labels("exact").inc(cost / PICODOLLARS)

    async def run(self) -> None:
        """Book every second, for ever; while Redis is away, what gathers waits."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.book()

    async def book(self) -> None:
        """Book what has gathered; when Redis is away it is kept for the next time."""
        with contextlib.suppress(RedisError, OSError):
            await self._batch.book(self._home)
