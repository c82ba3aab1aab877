"""Carries settled answers from the outbox to the cache Redis, however often it takes.

A settle commits on the queue Redis and leaves the cache's part in the outbox. The worker that settled drains
it at once; any worker drains what a crash left behind. Applying a commit twice changes nothing.
"""

import asyncio
import logging

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.cache import EntryStore
from shared.redis import keys
from shared.shared_scope import SharedScope
from shared.wire.entry import Commit, decode_commit

logger = logging.getLogger(__name__)

BATCH = 100
IDLE_PAUSE_S = 1.0


class Outbox:
    """The commits that one queue Redis still owes the cache."""

    def __init__(self, redis: Redis, entries: EntryStore, shared_scope: SharedScope) -> None:
        self._redis = redis
        self._entries = entries
        self._shared_scope = shared_scope
        self._rung = asyncio.Event()
        self._trouble = ""

    def ring(self) -> None:
        """Say that there is something to carry."""
        self._rung.set()

    async def run(self) -> None:
        """Drain at every ring, and every second for what others left; for ever."""
        while True:
            try:
                while await self.drain():
                    pass
                self._note(None)
            except (RedisError, OSError) as error:
                self._note(error)
                self._rung.clear()
            try:
                async with asyncio.timeout(IDLE_PAUSE_S):
                    await self._rung.wait()
            except TimeoutError:
                continue
            self._rung.clear()

    async def drain(self) -> int:
        """Apply the oldest commits and take them out; returns how many there were."""
        waiting = await self._redis.xrange(keys.outbox(), count=BATCH)
        for commit_id, fields in waiting:
            try:
                commit = decode_commit(fields[b"commit"])
            except (KeyError, msgspec.DecodeError):
                # Nobody can ever apply it; the answer itself was delivered.
                logger.error("commit unreadable, dropped", extra={"commit_id": commit_id.decode()})  # noqa: TRY400
            else:
                await self._apply(commit)
        if waiting:
            await self._redis.xdel(keys.outbox(), *(commit_id for commit_id, _ in waiting))
        return len(waiting)

    async def _apply(self, commit: Commit) -> None:
        try:
            if await self._entries.apply(commit):
                await self._shared_scope.bought(commit)
        except ResponseError as error:
            # Its kinds pass, as a full Redis does; the plain one says that this commit can never be applied.
            if type(error) is not ResponseError:
                raise
            logger.exception("commit refused, dropped", extra={"entry_id": commit.entry.id})

    def _note(self, error: Exception | None) -> None:
        """Log when the way to the cache breaks, breaks otherwise or is mended, not each attempt between."""
        trouble = type(error).__name__ if error else ""
        if trouble and trouble != self._trouble:
            logger.warning("outbox interrupted", extra={"error": trouble})
        elif self._trouble and not trouble:
            logger.info("outbox flows again")
        self._trouble = trouble
