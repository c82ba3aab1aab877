"""Ending tasks."""

import asyncio
import contextlib

import pytest

from shared.tasks import cancel

pytestmark = pytest.mark.anyio


async def test_a_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    """As Python 3.11's wait_for does now and then."""
    started = asyncio.Event()

    async def stubborn() -> None:
        for _ in range(2):
            started.set()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await started.wait()
    await cancel([task])
    assert task.cancelled()


async def test_what_a_task_raises_does_not_stop_the_others_from_ending() -> None:
    """Errors are the tasks' own affair here."""

    async def broken() -> None:
        raise ValueError

    tasks = [asyncio.create_task(broken()), asyncio.create_task(asyncio.sleep(60))]
    await cancel(tasks)
    assert all(task.done() for task in tasks)
