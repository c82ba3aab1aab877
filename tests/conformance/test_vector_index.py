"""The same cases for vectors in a worker's memory and in a search engine, both on real servers."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shared.cache import EntryStore
from shared.index_place import move_place
from shared.redis import keys
from shared.tasks import cancel
from shared.wire.entry import Commit, Entry, IndexRow
from shared.wire.outcome import Answer, Usage
from tests.support.redis_process import RedisProcess
from tests.support.search_engine import search_engine
from tests.support.worker import until
from workers.semantic.embedder import Vectors
from workers.semantic.engine_index import EngineIndex, scanning_pays
from workers.semantic.feed import IndexFeed
from workers.semantic.neighbours import VectorIndex

pytestmark = pytest.mark.anyio

DIMENSIONS = 32
SPACE = "model:latest/int8-r1/32"
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def engine_server() -> Iterator[RedisProcess]:
    """A Redis that can search."""
    with search_engine() as server:
        yield server


class Subject:
    """One index and the store that feeds it. `now_ms` is the server's time when the test began."""

    def __init__(self, redis: Redis, index: VectorIndex, now_ms: int) -> None:
        self.redis = redis
        self.index = index
        self.entries = EntryStore(redis)
        self.now_ms = now_ms
        self._fence = 0

    async def put(
        self, entry_id: str, vector: Vectors, partition: str = "p", ttl_ms: int = HOUR_MS, tenant: str = "t"
    ) -> None:
        """Store an answer as a settle does."""
        self._fence += 1
        row = IndexRow(vector=vector.astype("<f4").tobytes(), expires_at_ms=self.now_ms + ttl_ms)
        answer = Answer(
            text="x",
            finish_reason="stop",
            model="m",
            provider="p",
            usage=Usage(1, 1),
            cost=1,
            created_at_ms=1,
        )
        entry = Entry(
            id=entry_id,
            job_id=f"{entry_id}.1",
            tenant=tenant,
            question="?",
            answer=answer,
            created_at_ms=self.now_ms,
            expires_at_ms=self.now_ms + ttl_ms,
        )
        commit = Commit(fence=str(self._fence), entry=entry, partition=f"{partition}:{SPACE}", row=row)
        assert await self.entries.apply(commit)

    async def find(self, vector: Vectors, k: int = 3, partition: str = "p", after_ms: int = 0) -> list[str]:
        """The neighbours' ids, nearest first."""
        found = await self.index.nearest(f"{partition}:{SPACE}", vector, k, self.now_ms + after_ms)
        return [neighbour.entry_id for neighbour in found]

    async def until_found(self, vector: Vectors, *expected: str, partition: str = "p") -> None:
        """Return once exactly these are the neighbours."""

        async def same() -> bool:
            return await self.find(vector, len(expected) + 1, partition) == list(expected)

        await until(same, within=10)


@pytest.fixture(params=["memory", "redis"])
async def subject(request: pytest.FixtureRequest, engine_server: RedisProcess) -> AsyncIterator[Subject]:
    """An empty index of either kind, at work."""
    redis = Redis.from_url(engine_server.url)
    await redis.flushall()
    seconds, _ = await redis.time()
    await move_place(redis, request.param)
    feed = IndexFeed(redis, redis, dimensions=DIMENSIONS, capacity=10_000)
    engine = EngineIndex(redis, SPACE, DIMENSIONS)
    await engine.open()
    following = asyncio.create_task(feed.follow())
    yield Subject(redis, feed if request.param == "memory" else engine, seconds * 1000)
    await cancel([following])
    await redis.aclose()


def axis(number: int, towards: int = 0, share: float = 0.0) -> Vectors:
    """A unit vector along one axis, or between two."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[number] = 1 - share
    vector[towards] += share
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


async def test_neighbours_come_best_first_with_their_cosine(subject: Subject) -> None:
    """A similarity is the cosine itself, whatever an engine calls a distance."""
    await subject.put("same", axis(1))
    await subject.put("near", axis(1, 2, 0.2))
    await subject.put("across", axis(2))
    await subject.put("opposite", -axis(1))
    await subject.until_found(axis(1), "same", "near", "across", "opposite")
    found = await subject.index.nearest(f"p:{SPACE}", axis(1), 4, subject.now_ms)
    expected = [1.0, float(axis(1) @ axis(1, 2, 0.2)), 0.0, -1.0]
    np.testing.assert_allclose([n.similarity for n in found], expected, atol=1e-5)
    assert await subject.find(axis(1), k=2) == ["same", "near"]
    assert await subject.find(axis(1), k=0) == []


async def test_partitions_do_not_see_each_other(subject: Subject) -> None:
    """Not even where one has nothing, or the names begin alike."""
    await subject.put("mine", axis(1), partition="abc")
    await subject.put("theirs", axis(1), partition="abcd", tenant="other")
    await subject.until_found(axis(1), "mine", partition="abc")
    await subject.until_found(axis(1), "theirs", partition="abcd")
    assert await subject.find(axis(1), partition="ab") == []


async def test_many_neighbours_of_others_hide_none_of_ones_own(subject: Subject) -> None:
    """A small partition among large ones finds all that it has."""
    rng = np.random.default_rng(1)
    for number in range(400):
        noise = rng.normal(scale=0.02, size=DIMENSIONS).astype(np.float32)
        await subject.put(f"theirs-{number}", axis(1) + noise, partition="large")
    await subject.put("mine", axis(1, 2, 0.4), partition="small")
    await subject.until_found(axis(1), "mine", partition="small")


async def test_a_later_settle_replaces_the_vector(subject: Subject) -> None:
    """One entry has one vector, the newest."""
    await subject.put("a", axis(1))
    await subject.put("b", axis(3))
    await subject.until_found(axis(1), "a", "b")
    await subject.put("a", axis(2))
    await subject.put("b", axis(1))
    await subject.until_found(axis(1), "b", "a")
    assert await subject.find(axis(2), k=1) == ["a"]


async def test_an_entry_that_is_gone_is_dropped_everywhere(subject: Subject) -> None:
    """And one that is there is not."""
    await subject.put("gone", axis(1))
    await subject.put("here", axis(1, 2, 0.3))
    await subject.until_found(axis(1), "gone", "here")
    partition = f"p:{SPACE}"
    assert not await subject.entries.drop_vector(partition, "here")
    await subject.redis.delete(keys.entry("gone"))
    assert await subject.entries.drop_vector(partition, "gone")
    await subject.until_found(axis(1), "here")
    assert not await subject.entries.drop_vector(partition, "gone")


async def test_expired_entries_are_not_found(subject: Subject) -> None:
    """At the time that the caller names, and when their time has really come."""
    await subject.put("short", axis(1), ttl_ms=HOUR_MS)
    await subject.put("long", axis(1, 2, 0.3), ttl_ms=2 * HOUR_MS)
    await subject.until_found(axis(1), "short", "long")
    assert await subject.find(axis(1), after_ms=HOUR_MS - 1) == ["short", "long"]
    assert await subject.find(axis(1), after_ms=HOUR_MS) == ["long"]


async def test_a_vector_leaves_with_its_entry(subject: Subject) -> None:
    """Expiry needs nobody's help."""
    await subject.put("short", axis(1), ttl_ms=1_500)
    await subject.put("long", axis(1, 2, 0.3))
    await subject.until_found(axis(1), "short", "long")
    await subject.until_found(axis(1), "long")


async def test_a_flush_empties_the_index_and_it_goes_on(subject: Subject) -> None:
    """Whatever was known about the server before."""
    await subject.put("before", axis(1))
    await subject.until_found(axis(1), "before")
    place = await subject.redis.get(keys.index_place())
    await subject.redis.flushall()
    await subject.until_found(axis(1))
    await subject.redis.set(keys.index_place(), place)
    await subject.put("after", axis(1))
    await subject.until_found(axis(1), "after")


async def test_vectors_of_another_space_are_refused(subject: Subject) -> None:
    """A wrong length is an error, never a silent neighbour."""
    with pytest.raises(ValueError, match=f"{DIMENSIONS} numbers"):
        await subject.index.nearest(f"p:{SPACE}", np.ones(3, dtype=np.float32), 1, 0)


@pytest.mark.parametrize("scans", [True, False])
async def test_an_engine_finds_the_same_by_a_scan_and_by_a_walk(
    subject: Subject, monkeypatch: pytest.MonkeyPatch, *, scans: bool
) -> None:
    """Which of the two is cheaper changes no answer."""
    monkeypatch.setattr("workers.semantic.engine_index.scanning_pays", lambda *_: scans)
    for number in range(20):
        await subject.put(f"mine-{number}", axis(1, 2, number / 40), partition="mine")
        await subject.put(f"theirs-{number}", axis(1, 3, number / 40), partition="theirs")
    await subject.until_found(axis(1), *(f"mine-{number}" for number in range(20)), partition="mine")


def test_scanning_pays_in_a_small_partition_among_many() -> None:
    """And not in one that is most of what there is."""
    assert scanning_pays(2_000, 20_000)
    assert scanning_pays(100, 100)
    assert not scanning_pays(18_000, 20_000)
    assert not scanning_pays(100_000, 1_000_000)


async def test_what_the_index_finds_is_what_a_full_scan_finds(subject: Subject) -> None:
    """The nearest of 600 for 99 of 100 questions."""
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(700, DIMENSIONS)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for number, row in enumerate(rows[:600]):
        await subject.put(str(number), row)
    best = (rows[600:] @ rows[:600].T).argmax(axis=1)

    async def nearly_all() -> bool:
        found = [await subject.find(row, k=1) for row in rows[600:]]
        right = sum(ids == [str(number)] for ids, number in zip(found, best, strict=True))
        return right >= 99

    await until(nearly_all, within=20)


async def test_a_server_without_the_engine_says_so(redis: Redis) -> None:
    """It is a Redis error, which costs the semantic step and not the job."""
    with pytest.raises(ResponseError, match="unknown command"):
        await EngineIndex(redis, SPACE, DIMENSIONS).open()
