"""Which batches this ingress feeds: those that it leases, among all that are open in the fleet.

A feeder that dies leaves its batches to the others when its lease ends; one that stops, at once.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from typing import Final

from ingress.batches.feeding import Feeding, Lost
from ingress.context import IngressContext
from shared.errors import RedisUnavailable
from shared.tasks import cancel

logger = logging.getLogger(__name__)

LEASE_S: Final = 5.0
RENEW_EVERY_S: Final = 1.0


class Feeder:
    """The batches of one ingress."""

    def __init__(self, ctx: IngressContext) -> None:
        self._ctx = ctx
        self._store = ctx.batches
        self._name = ctx.hub.inbox
        self._fed: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Feed until this process drains, then leave what is open to the others."""
        try:
            while not self._ctx.draining.done():
                with contextlib.suppress(RedisUnavailable):
                    await self._look()
                await self._rest()
        finally:
            await cancel(list(self._fed.values()))
            with contextlib.suppress(RedisUnavailable):
                await self._store.lease(self._name, lease_ms=0)

    async def _rest(self) -> None:
        """Wait for the next look: a while, or until a batch was made here, or the drain began."""
        rung = asyncio.create_task(self._ctx.batch_bell.wait())
        try:
            await asyncio.wait(
                {rung, self._ctx.draining}, timeout=RENEW_EVERY_S, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            await cancel([rung])
        self._ctx.batch_bell.clear()

    async def _look(self) -> None:
        mine = await self._store.lease(self._name, lease_ms=int(LEASE_S * 1000))
        for batch_id in [batch_id for batch_id in self._fed if batch_id not in mine]:
            await cancel([self._fed.pop(batch_id)])
        for batch_id in mine:
            task = self._fed.get(batch_id)
            if task is None or task.done():
                self._fed[batch_id] = asyncio.create_task(self._feed(batch_id), name=batch_id)

    async def _feed(self, batch_id: str) -> None:
        try:
            batch = await self._store.read(batch_id)
            if batch is None:
                await self._store.forget(batch_id)
                return
            await Feeding(self._ctx, self._store, batch, self._name).run()
        except Lost:
            logger.warning("batch is fed by another", extra={"batch": batch_id})
        except RedisUnavailable:
            # The next look takes it up again.
            return
        except Exception:
            logger.exception("feeding broke", extra={"batch": batch_id})


@contextlib.asynccontextmanager
async def feeding(ctx: IngressContext) -> AsyncIterator[None]:
    """Feed batches in the background."""
    task = asyncio.create_task(Feeder(ctx).run())
    try:
        yield
    finally:
        await cancel([task])
