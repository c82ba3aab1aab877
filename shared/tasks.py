"""Ending background tasks for certain, and work that has to be ended whoever is cancelled."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
REPEAT_S = 0.1


async def cancel(tasks: "Collection[asyncio.Task[Any]]") -> None:
    """Cancel tasks and return once all have ended, whatever they raise.

    Repeated until it works: on Python 3.11, `asyncio.wait_for` swallows a cancellation that arrives together
    with its result (bpo-37658), and redis-py sends every command through it.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=REPEAT_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Run something that must not stop half-way: a cancellation waits for its end, and is then raised."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
