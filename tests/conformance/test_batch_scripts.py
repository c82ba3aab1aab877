"""Batches: each line has one result, whoever feeds it, and a batch is never without a feeder for long."""

import pytest
from redis.asyncio import Redis

from ingress.batches.store import Batch, BatchStore
from shared.clients import Client
from shared.redis import keys

pytestmark = pytest.mark.anyio
CLIENT = Client(key_id="k", tenant="t")
LONG_MS = 60_000


@pytest.fixture
def batches(store: Redis) -> BatchStore:
    """The batches on that Redis."""
    return BatchStore(store, deadline_s=5, keep_s=60)


async def fed(batches: BatchStore, lines: int = 3, feeder: str = "one") -> str:
    """A batch that somebody feeds."""
    made = await batches.create(CLIENT, [b"{}"] * lines)
    assert await batches.lease(feeder, lease_ms=LONG_MS) == [made.id]
    return made.id


async def state_of(batches: BatchStore, batch_id: str) -> Batch:
    """How it stands."""
    found = await batches.read(batch_id)
    assert found is not None
    return found


async def results_of(batches: BatchStore, batch_id: str) -> bytes:
    """What came of its lines so far."""
    return b"".join([part async for part in batches.results(await state_of(batches, batch_id))])


async def test_a_batch_is_fed_by_one_and_taken_over_when_its_lease_ends(batches: BatchStore) -> None:
    """A feeder that renews keeps it; one that gives up leaves it to the next at once."""
    batch_id = await fed(batches)
    assert await batches.lease("other", lease_ms=LONG_MS) == []
    assert await batches.lease("one", lease_ms=LONG_MS) == [batch_id]
    await batches.lease("one", lease_ms=0)
    assert await batches.lease("other", lease_ms=LONG_MS) == [batch_id]
    assert await batches.lease("one", lease_ms=LONG_MS) == []


async def test_who_no_longer_feeds_a_batch_notes_nothing(batches: BatchStore) -> None:
    """It learns that it was late, and the next one's notes stand."""
    batch_id = await fed(batches)
    assert await batches.asked(batch_id, "one", 0, "job-0")
    await batches.lease("one", lease_ms=0)
    await batches.lease("other", lease_ms=LONG_MS)
    assert not await batches.asked(batch_id, "one", 1, "job-1")
    assert dict(await batches.under_way(batch_id)) == {0: "job-0"}


async def test_a_line_has_one_result_however_often_it_ends(batches: BatchStore) -> None:
    """The first stands, and is counted once."""
    batch_id = await fed(batches)
    await batches.asked(batch_id, "one", 1, "job")
    await batches.finish(batch_id, 1, b"first", succeeded=True)
    await batches.finish(batch_id, 1, b"second", succeeded=False)
    # Asked again by who did not know: it is over all the same.
    await batches.asked(batch_id, "one", 1, "job")
    assert await results_of(batches, batch_id) == b"first\n"
    assert dict(await batches.under_way(batch_id)) == {}
    assert await batches.numbers_over(batch_id) == {1}
    now = await state_of(batches, batch_id)
    assert (now.completed, now.failed, now.state) == (1, 0, "in_progress")


async def test_the_last_line_ends_the_batch_and_results_come_in_order(
    batches: BatchStore, store: Redis
) -> None:
    """Whatever order they ended in; nobody feeds it any more, and everything has its end."""
    batch_id = await fed(batches)
    for number in (2, 0, 1):
        await batches.finish(batch_id, number, str(number).encode(), succeeded=number != 1)
    now = await state_of(batches, batch_id)
    assert (now.state, now.completed, now.failed) == ("completed", 2, 1)
    assert now.ended_at_ms is not None
    assert await results_of(batches, batch_id) == b"0\n1\n2\n"
    assert await batches.lease("other", lease_ms=LONG_MS) == []
    for key in (keys.batch(batch_id), keys.batch_lines(batch_id), keys.batch_results(batch_id)):
        assert 0 < await store.pttl(key) <= 60_000


async def test_a_cancelled_batch_ends_when_nothing_is_under_way(batches: BatchStore) -> None:
    """What was asked has its result; a batch that is over cannot be cancelled."""
    batch_id = await fed(batches)
    await batches.asked(batch_id, "one", 0, "job")
    await batches.cancel(batch_id)
    assert not await batches.end_if_idle(batch_id)
    await batches.finish(batch_id, 0, b"0", succeeded=True)
    assert await batches.end_if_idle(batch_id)
    now = await state_of(batches, batch_id)
    assert (now.state, now.completed) == ("cancelled", 1)
    await batches.cancel(batch_id)
    assert (await state_of(batches, batch_id)).state == "cancelled"


async def test_a_tenants_batches_are_listed_newest_first(batches: BatchStore) -> None:
    """And nobody else's."""
    ids = [(await batches.create(CLIENT, [b"{}"])).id for _ in range(2)]
    await batches.create(Client(key_id="o", tenant="other"), [b"{}"])
    assert {batch.id for batch in await batches.listed("t")} == set(ids)
