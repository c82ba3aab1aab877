"""When a worker looks for jobs that no bell announced."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as RedisGone

from shared.claims import NONE_RETRIED
from shared.redis import keys
from workers.context import WorkerContext
from workers.leases import Leases
from workers.taking import Taking

pytestmark = pytest.mark.anyio


class Bell:
    """Rings once, after it has failed so many times."""

    def __init__(self, fails: int) -> None:
        self._fails = fails
        self._rung = False

    async def blpop(self, *_: object, **__: object) -> tuple[bytes, bytes]:
        """Ring."""
        if self._fails > 0:
            self._fails -= 1
            raise RedisGone
        if self._rung:
            await asyncio.sleep(3600)
        self._rung = True
        return keys.bell("interactive").encode(), b"j"


class Queue:
    """Notes whether the first claim also looks for due jobs."""

    def __init__(self) -> None:
        self.scans: list[bool] = []
        self.claimed = asyncio.Event()

    async def claim(self, *_: object, scan: bool, **__: object) -> tuple[int, list[Any]]:
        """Give nothing."""
        self.scans.append(scan)
        self.claimed.set()
        return 0, []


class NoLeases:
    """Nothing is in work."""

    def __len__(self) -> int:
        return 0

    def held_of(self, _: str) -> int:
        """None."""
        return 0

    def retried(self, _: int) -> object:
        """None."""
        return NONE_RETRIED


@pytest.mark.parametrize(("fails", "looks"), [(0, True), (1, False)])
async def test_after_trouble_holders_get_to_renew_before_anybody_looks_for_lapsed_leases(
    fails: int, *, looks: bool
) -> None:
    """A worker that starts looks at once; one that has just lost Redis first takes what the bell names."""
    queue = Queue()
    settings = SimpleNamespace(slots=4, reserved_slots=1, lease_s=3.0, tries_max=3)
    ctx = SimpleNamespace(settings=settings, blocking=Bell(fails), jobs=queue, worker_id="w")
    taking = Taking(cast("WorkerContext", ctx), cast("Leases", NoLeases()), lambda *_: None)
    running = asyncio.create_task(taking.run())
    await queue.claimed.wait()
    running.cancel()
    assert queue.scans[0] is looks


class FullBell:
    """Gives all that is asked for so many times, then nothing."""

    def __init__(self, times: int) -> None:
        self._times = times
        self.done = asyncio.Event()

    async def claim(self, *_: object, count: int, **__: object) -> tuple[int, list[Any]]:
        """Give jobs while there are some."""
        self._times -= 1
        if self._times < 0:
            self.done.set()
            return 0, []
        return 0, [object()] * count


async def test_a_bell_that_gave_all_it_was_asked_for_is_not_waited_for() -> None:
    """It rang once; the jobs behind the first are taken without another ring."""
    queue = FullBell(times=3)
    settings = SimpleNamespace(slots=4, reserved_slots=1, lease_s=3.0, tries_max=3)
    ctx = SimpleNamespace(settings=settings, blocking=Bell(0), jobs=queue, worker_id="w")
    started: list[object] = []
    taking = Taking(
        cast("WorkerContext", ctx), cast("Leases", NoLeases()), lambda job, _: started.append(job)
    )
    running = asyncio.create_task(taking.run())
    async with asyncio.timeout(5):
        await queue.done.wait()
    running.cancel()
    assert len(started) == 3 * settings.slots
