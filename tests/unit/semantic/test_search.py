"""Slow searches leave the event loop alone, and travel together."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.semantic import index as index_module
from workers.semantic.embedder import Vectors
from workers.semantic.index import SMALL, PartitionIndex
from workers.semantic.neighbours import SearchError
from workers.semantic.search import Searcher

pytestmark = pytest.mark.anyio
LATER = 10_000


def units(dimensions: int) -> Vectors:
    """So many unit vectors that not all of them are compared."""
    rows = np.random.default_rng(0).normal(size=(SMALL + 10, dimensions))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


class HeldUp(PartitionIndex):
    """An index whose slow stage waits until it is allowed; `batches` are the sizes it was asked for."""

    def __init__(self) -> None:
        super().__init__(4, 2 * SMALL)
        rows = units(4)
        self.upsert_many([str(n) for n in range(len(rows))], rows, [LATER] * len(rows))
        self.begun, self.allowed = Event(), Event()
        self.batches: list[int] = []
        self.error: Exception | None = None

    def proposed(self, vectors: Vectors) -> list[NDArray[np.intp]]:
        """Wait, then search or break."""
        self.batches.append(len(vectors))
        self.begun.set()
        assert self.allowed.wait(10)
        if self.error is not None:
            raise self.error
        return super().proposed(vectors)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> HeldUp:
    """An index that counts as slow."""
    monkeypatch.setattr(index_module, "_FAST_EXACT", SMALL)
    return HeldUp()


@pytest.fixture
async def searcher() -> AsyncIterator[Searcher]:
    """A searcher, closed at the end."""
    searcher = Searcher()
    yield searcher
    await searcher.aclose()


def ask(searcher: Searcher, index: PartitionIndex, count: int) -> list[asyncio.Task[str]]:
    """Ask for the first entries' own vectors."""

    async def one(number: int) -> str:
        [found] = await searcher.nearest(index, index._rows.vectors[number], 1, 0)
        return found.entry_id

    return [asyncio.create_task(one(number)) for number in range(count)]


async def test_what_is_asked_during_a_slow_search_is_searched_together(
    searcher: Searcher, slow: HeldUp
) -> None:
    """Each gets its own neighbours, and one that left costs the others nothing."""
    first = ask(searcher, slow, 1)
    assert await asyncio.to_thread(slow.begun.wait, 10)
    rest = ask(searcher, slow, 40)
    await asyncio.sleep(0)
    rest[3].cancel()
    slow.allowed.set()
    found = await asyncio.gather(*first, *rest, return_exceptions=True)
    assert slow.batches == [1, 32, 8]
    assert isinstance(found[4], asyncio.CancelledError)
    assert found[1:4] + found[5:] == [str(number) for number in range(40) if number != 3]


async def test_a_search_that_breaks_is_told_to_all_who_wait(searcher: Searcher, slow: HeldUp) -> None:
    """As an error that costs the semantic step; the next search is a new one."""
    slow.error = MemoryError("no room")
    waiting = ask(searcher, slow, 3)
    slow.allowed.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in found] == [SearchError] * 3
    slow.error = None
    assert await asyncio.gather(*ask(searcher, slow, 1)) == ["0"]


async def test_closing_ends_every_wait(slow: HeldUp) -> None:
    """Nobody waits for a thread that will not answer."""
    searcher = Searcher()
    waiting = ask(searcher, slow, 2)
    assert await asyncio.to_thread(slow.begun.wait, 10)
    await searcher.aclose()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    slow.allowed.set()
    assert [type(error) for error in found] == [SearchError] * 2


async def test_codes_are_learnt_beside_the_work(searcher: Searcher) -> None:
    """The index is searched while they are, and by them afterwards."""
    index = PartitionIndex(64, 2 * SMALL)
    rows = units(64)
    index.upsert_many([str(n) for n in range(len(rows))], rows, [LATER] * len(rows))
    searcher.tune(index)
    searcher.tune(index)
    async with asyncio.timeout(10):
        while index._coded is None:
            assert (await searcher.nearest(index, rows[7], 1, 0))[0].entry_id == "7"
            await asyncio.sleep(0.001)
    assert (await searcher.nearest(index, rows[7], 1, 0))[0].entry_id == "7"
