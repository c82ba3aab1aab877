"""Follows a job: its tokens as they come, and its outcome at the end, without a gap or a repeat."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

from msgspec import Struct

from ingress.context import IngressContext
from shared.errors import Draining
from shared.tasks import cancel
from shared.tokens import BEGINNING, Event, order

HEARTBEAT_S: Final = 15.0
"""Proxies close what is silent for a minute, and some for less."""


class Heartbeat(Struct, frozen=True):
    """Nothing has happened for a while."""


class Landed(Struct, frozen=True):
    """The job has settled, with this result."""

    result: bytes


Happening = Event | Heartbeat | Landed


async def follow(
    ctx: IngressContext,
    job_id: str,
    *,
    for_s: float,
    until: "asyncio.Task[None]",
    after: str = BEGINNING,
) -> AsyncGenerator[Happening, None]:
    """Yield what happens to a job from an event on; ends with `Landed`, or silently when the time is over.

    Raises RedisUnavailable, and Draining once `until` is done. Who falls behind is brought up to date from
    what Redis keeps.
    """
    ends_at = asyncio.get_running_loop().time() + for_s
    with ctx.hub.hearings.of(job_id) as hearing:
        async with ctx.hub.watching(job_id) as settled:
            _, told = await ctx.tokens.listen(job_id, ctx.hub.inbox, for_ms=int(for_s * 1000), after=after)
            last = after
            for event in told:
                last = event.id
                yield event
            while True:
                over = settled.done()
                if hearing.missed or (over and last != BEGINNING):
                    hearing.missed = False
                    events = await ctx.tokens.read(job_id, after=last)
                    hearing.take()
                else:
                    events = [event for event in hearing.take() if order(event.id) > order(last)]
                for event in events:
                    last = event.id
                    yield event
                if over:
                    yield Landed(settled.result())
                    return
                left_s = ends_at - asyncio.get_running_loop().time()
                if left_s <= 0:
                    return
                if until.done():
                    raise Draining("This process stops; what follows is told by another.", retry_after_s=1)
                if not await _something(hearing.arrived, {settled, until}, min(left_s, HEARTBEAT_S)):
                    yield Heartbeat()


async def _something(arrived: asyncio.Event, further: set[asyncio.Future[Any]], within_s: float) -> bool:
    """Wait for any of them; False when nothing has happened in time."""
    hearing = asyncio.create_task(arrived.wait())
    try:
        done, _ = await asyncio.wait(
            {hearing, *further}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
        )
    finally:
        await cancel([hearing])
    return bool(done)
