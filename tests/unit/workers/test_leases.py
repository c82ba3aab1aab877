"""A worker's own leases: kept through an outage for as long as they last, and given up before they end."""

import asyncio
import time
from collections.abc import Sequence
from typing import cast

import msgspec
import pytest
from redis.exceptions import ConnectionError as RedisGone

from shared import metrics
from shared.claims import Claimed
from shared.jobs import JobQueue
from workers.leases import Leases

LEASE_S = 2.0

pytestmark = pytest.mark.anyio


class Queue:
    """A queue that is away for the first so many renewals; `silent` means that it does not even refuse."""

    def __init__(self, away: int, *, silent: bool = False) -> None:
        self._away = away
        self._silent = silent
        self.renewed = asyncio.Event()

    async def renew(self, *_: object, **__: object) -> set[str]:
        """Renew, once it is back."""
        if self._away > 0:
            self._away -= 1
            if self._silent:
                await asyncio.sleep(3600)
            raise RedisGone
        self.renewed.set()
        return set()


def claimed() -> Claimed:
    """A job that was just claimed."""
    return Claimed(job_id="j", payload=b"", token="1", tries=1, created_at_ms=0, deadline_at_ms=None)


async def _keep(queue: Queue, until: Sequence[str]) -> tuple["asyncio.Task[None]", float]:
    """Hold one job until it was stopped or renewed; returns its task and the seconds that this took."""
    leases = Leases(cast("JobQueue", queue), "worker", lease_s=LEASE_S, reply_s=0.1)
    work = asyncio.create_task(asyncio.sleep(3600))
    leases.hold(claimed(), work)
    keeping, began = asyncio.create_task(leases.keep()), time.monotonic()
    ends = {"stopped": work, "renewed": asyncio.create_task(queue.renewed.wait())}
    await asyncio.wait([ends[name] for name in until])
    took_s = time.monotonic() - began
    for task in (keeping, ends["renewed"]):
        task.cancel()
    return work, took_s


async def test_work_goes_on_when_redis_comes_back_within_the_lease() -> None:
    """Several refused renewals are no reason to throw an answer away."""
    work, _ = await _keep(Queue(away=4), ["renewed"])
    assert not work.done()
    work.cancel()


async def test_a_job_claimed_anew_ends_the_work_under_its_earlier_lease() -> None:
    """Else one worker would call twice for one job, and nobody would know of the first call any more (G3)."""
    leases = Leases(cast("JobQueue", Queue(away=0)), "worker", lease_s=LEASE_S, reply_s=0.1)
    before, now = (asyncio.create_task(asyncio.sleep(3600)) for _ in range(2))
    leases.hold(claimed(), before)
    leases.hold(msgspec.structs.replace(claimed(), token="2"), now)
    await asyncio.wait([before])
    assert before.cancelled()
    assert [held.task for held in leases.held] == [now]
    now.cancel()


@pytest.mark.parametrize("silent", [False, True])
async def test_work_stops_before_the_lease_ends_when_redis_stays_away(*, silent: bool) -> None:
    """Whether it refuses or says nothing: from then on somebody else may have the job."""
    work, took_s = await _keep(Queue(away=1000, silent=silent), ["stopped"])
    assert work.cancelled()
    assert took_s < LEASE_S


async def test_a_lost_lease_is_counted_and_a_callers_wish_is_not() -> None:
    """An operator looks for the one, and never for the other."""
    lost = metrics.leases_lost.labels("lease_lost")
    before = lost._value.get()
    for reason in ("lease_lost", "cancelled"):
        leases = Leases(cast("JobQueue", Queue(away=0)), "worker", lease_s=LEASE_S, reply_s=0.1)
        work = asyncio.create_task(asyncio.sleep(3600))
        leases.hold(claimed(), work)
        leases.stop({"j"}, reason)
        await asyncio.wait([work])
    assert lost._value.get() == before + 1
