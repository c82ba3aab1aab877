"""Ending background tasks for certain."""

import asyncio
from collections.abc import Collection
from typing import Any

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
