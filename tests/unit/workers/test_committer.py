"""Settles that arrive together leave together, and each hears only of its own."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from shared.jobs import JobQueue
from shared.settings import Settings
from shared.settlements import Settled, Settling
from tests.support.jobs import settlement
from workers.committer import BATCH, Committer

pytestmark = pytest.mark.anyio


class Queue:
    """Settles what it is given once the test allows it; what is named in `replies` gets that reply."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.replies: dict[str, Settled | Exception] = {}
        self.broken: Exception | None = None
        self.asked = asyncio.Event()
        self.may_reply = asyncio.Event()

    async def settle_all(
        self, _worker_id: str, batch: Sequence[Settling], **_limits: int
    ) -> list[Settled | Exception]:
        """Note the batch."""
        self.asked.set()
        self.batches.append([settling.job_id for settling in batch])
        await self.may_reply.wait()
        if self.broken is not None:
            raise self.broken
        return [self.replies.get(settling.job_id, Settled.committed) for settling in batch]


@pytest.fixture
def queue() -> Queue:
    """A queue that keeps its callers waiting."""
    return Queue()


@pytest.fixture
def committer(queue: Queue) -> Committer:
    """One worker's settles on that queue."""
    return Committer(cast("JobQueue", queue), "w", Settings())


def settling(committer: Committer, *job_ids: str) -> "list[asyncio.Task[Settled]]":
    """Begin to settle jobs, in this order."""
    return [asyncio.create_task(committer.settle(Settling(job_id, "1", settlement()))) for job_id in job_ids]


async def test_what_comes_while_a_commit_is_under_way_goes_out_together(
    committer: Committer, queue: Queue
) -> None:
    """The first at once and alone, the others in one round trip, in their order."""
    tasks = settling(committer, "a", "b", "c", "d")
    await queue.asked.wait()
    queue.may_reply.set()
    assert await asyncio.gather(*tasks) == [Settled.committed] * 4
    assert queue.batches == [["a"], ["b", "c", "d"]]


async def test_each_is_told_what_became_of_its_own(committer: Committer, queue: Queue) -> None:
    """A refusal or an error among them is nobody else's."""
    queue.replies = {"b": Settled.refused, "c": RedisConnectionError("cut")}
    queue.may_reply.set()
    found = await asyncio.gather(*settling(committer, "a", "b", "c", "d"), return_exceptions=True)
    assert found == [Settled.committed, Settled.refused, queue.replies["c"], Settled.committed]


async def test_trouble_reaches_everybody_of_its_batch_and_ends_with_it(
    committer: Committer, queue: Queue
) -> None:
    """Whoever waits settles again, and finds out whether only the reply was lost."""
    queue.broken = RedisConnectionError("away")
    queue.may_reply.set()
    found = await asyncio.gather(*settling(committer, "a", "b", "c"), return_exceptions=True)
    assert all(isinstance(one, RedisConnectionError) for one in found)
    queue.broken = None
    [again] = await asyncio.gather(*settling(committer, "a"))
    assert again is Settled.committed


async def test_a_cancelled_settle_holds_nobody_up(committer: Committer, queue: Queue) -> None:
    """Neither the one that is under way nor one that waits."""
    first, second, third = settling(committer, "a", "b", "c")
    await queue.asked.wait()
    first.cancel()
    second.cancel()
    queue.may_reply.set()
    assert await third is Settled.committed
    assert first.cancelled()
    assert second.cancelled()


async def test_a_round_trip_carries_no_more_than_its_share(committer: Committer, queue: Queue) -> None:
    """Redis runs a batch without a break, and others want to be heard too."""
    tasks = settling(committer, *(str(n) for n in range(2 * BATCH + 2)))
    await queue.asked.wait()
    queue.may_reply.set()
    await asyncio.gather(*tasks)
    assert max(map(len, queue.batches)) == BATCH
    assert sum(map(len, queue.batches)) == 2 * BATCH + 2
