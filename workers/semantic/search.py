"""Searches indexes without holding up the event loop: small ones at once, large ones on a thread."""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from shared.tasks import cancel
from workers.semantic.embedder import Vectors
from workers.semantic.index import PartitionIndex
from workers.semantic.neighbours import Neighbour, SearchError
from workers.semantic.retune import Retune

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 32


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    vector: Vectors
    k: int
    now_ms: int
    found: asyncio.Future[list[Neighbour]]


class Searcher:
    """One thread searches what is slow, another learns codes; what is asked meanwhile travels together."""

    def __init__(self) -> None:
        self._searching = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index-search")
        self._learning = ThreadPoolExecutor(max_workers=1, thread_name_prefix="index-learn")
        self._asked: dict[PartitionIndex, list[_Asked]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def nearest(self, index: PartitionIndex, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k living neighbours, most similar first; ValueError for a vector of another shape."""
        if not index.slow or vector.shape != (index.dimensions,):
            return index.nearest(vector, k, now_ms)
        asked = _Asked(vector, k, now_ms, asyncio.get_running_loop().create_future())
        if index in self._asked:
            self._asked[index].append(asked)
        else:
            self._asked[index] = [asked]
            self._keep(self._serve(index))
        return await asked.found

    def tune(self, index: PartitionIndex) -> None:
        """Learn an index's codes in the background, if it has outgrown them."""
        retune = index.retune()
        if retune is not None:
            self._keep(self._tune(index, retune))

    async def aclose(self) -> None:
        """Stop; what runs on a thread ends by itself, and nobody hears of it."""
        await cancel(self._tasks)
        for executor in (self._searching, self._learning):
            executor.shutdown(wait=False, cancel_futures=True)

    async def _serve(self, index: PartitionIndex) -> None:
        """Answer what is asked of one index, a batch at a time, until nothing is."""
        batch: list[_Asked] = []
        try:
            while batch := self._asked[index][:MOST_AT_ONCE]:
                del self._asked[index][:MOST_AT_ONCE]
                await self._answer(index, batch)
        except asyncio.CancelledError:
            self._fail(index, batch, "the index is closed")
            raise
        except Exception as error:
            logger.exception("search broke")
            self._fail(index, batch, type(error).__name__)
        finally:
            del self._asked[index]

    def _fail(self, index: PartitionIndex, batch: list[_Asked], reason: str) -> None:
        for asked in [*batch, *self._asked[index]]:
            if not asked.found.done():
                asked.found.set_exception(SearchError(reason))

    async def _answer(self, index: PartitionIndex, batch: list[_Asked]) -> None:
        vectors = np.stack([asked.vector for asked in batch])
        loop = asyncio.get_running_loop()
        proposed = await loop.run_in_executor(self._searching, index.proposed, vectors)
        for asked, rows in zip(batch, proposed, strict=True):
            if not asked.found.done():
                found = index.judged(asked.vector[np.newaxis], [rows], asked.k, asked.now_ms)
                asked.found.set_result(found[0])

    async def _tune(self, index: PartitionIndex, retune: Retune) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._learning, retune.learn)
            while not index.adopt(retune):
                await loop.run_in_executor(self._learning, retune.catch_up)
        except (np.linalg.LinAlgError, MemoryError):
            # The index is searched as before, exactly or by its old codes.
            logger.exception("index codes were not learnt")

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
