"""Group commit: what is settled while a commit is under way goes out together in the next one.

A settle alone goes out at once; under load one round trip carries many, which costs both ends far less.
"""

import asyncio
from collections.abc import Sequence

from shared.jobs import JobQueue
from shared.settings import Settings
from shared.settlements import Settled, Settling

BATCH = 64
"""Most settles in one round trip: Redis runs them one after the other, and others want to be heard too."""


class Committer:
    """The settles of one worker on one queue."""

    def __init__(self, jobs: JobQueue, worker_id: str, settings: Settings) -> None:
        self._jobs = jobs
        self._worker_id = worker_id
        self._settings = settings
        self._under_way = False
        self._waiting: list[tuple[Settling, asyncio.Future[Settled]]] = []

    async def settle(self, settling: Settling) -> Settled:
        """Commit an outcome once; raises RedisError, also when only the reply was lost: then settle again.

        Who is cancelled while it waits cannot know whether it was committed, and the fence does.
        """
        if self._under_way:
            turn: asyncio.Future[Settled] = asyncio.get_running_loop().create_future()
            self._waiting.append((settling, turn))
            return await turn
        self._under_way = True
        try:
            [found] = await self._commit([settling])
        finally:
            self._under_way = False
            self._go_on()
        if isinstance(found, Exception):
            raise found
        return found

    def _go_on(self) -> None:
        if self._waiting:
            self._under_way = True
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        """Send what waits until nothing does."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                found = await self._commit([settling for settling, _ in batch])
                for (_, turn), one in zip(batch, found, strict=True):
                    _tell(turn, one)
        finally:
            self._under_way = False

    async def _commit(self, batch: Sequence[Settling]) -> Sequence[Settled | Exception]:
        try:
            return await self._jobs.settle_all(
                self._worker_id,
                batch,
                dead_letters_max=self._settings.dead_letters_max,
                outbox_max=self._settings.outbox_max,
            )
        except Exception as error:  # noqa: BLE001 - whoever waits raises it
            return [error] * len(batch)


def _tell(turn: "asyncio.Future[Settled]", found: Settled | Exception) -> None:
    if turn.done():
        return
    if isinstance(found, Exception):
        turn.set_exception(found)
    else:
        turn.set_result(found)
