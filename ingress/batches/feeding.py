"""Feeds one batch: keeps a window of its lines under way, and notes what came of each, once."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from msgspec import Struct

from ingress.asked import Question
from ingress.batches import line as asking
from ingress.batches.line import Said
from ingress.batches.lines import RequestLine, read, result, succeeded
from ingress.batches.store import OVER, Batch, BatchStore
from ingress.context import IngressContext
from shared.errors import InternalError, RedisUnavailable, SentinelError
from shared.submissions import Submitted, polled_by
from shared.tasks import cancel

logger = logging.getLogger(__name__)
T = TypeVar("T")

TRIES: Final = 3
"""How often a line is asked whose provider failed in a way that passes."""
LOOK_EVERY_S: Final = 1.0
"""A batch is looked at so often: it may have been cancelled."""
AWAY_PAUSE_S: Final = 0.5
WAIT_S: Final = 5.0
"""A job that was waited for so long is looked at: it may have been forgotten."""
RUNNING: Final = frozenset({"queued", "in_progress"})


class Lost(Exception):
    """Another process feeds the batch now."""


class NotAsked(Exception):
    """The batch was cancelled before the line's turn came."""


class _Asked(Struct, frozen=True):
    """A line on its way."""

    number: int
    line: RequestLine
    question: Question


class Feeding:
    """One batch, fed by this process."""

    def __init__(self, ctx: IngressContext, store: BatchStore, batch: Batch, feeder: str) -> None:
        self._ctx = ctx
        self._store = store
        self._batch = batch
        self._feeder = feeder
        self._lines: set[asyncio.Task[None]] = set()
        # Lines are asked one after the other: who is told to wait lets nobody pass.
        self._asking = asyncio.Lock()
        self._cancelled = False

    async def run(self) -> None:
        """Feed until the batch is over; raises Lost, and leaves its lines to whoever comes next."""
        try:
            waiting = deque(await self._taken_over())
            while not await self._over():
                room = self._ctx.settings.batch_window - len(self._lines)
                for _ in range(0 if self._cancelled else min(room, len(waiting))):
                    self._start(waiting.popleft(), None)
                await self._something()
        finally:
            await cancel(list(self._lines))

    async def _over(self) -> bool:
        """Look how the batch stands; ends one that was cancelled and has nothing under way."""
        batch_id = self._batch.id
        batch = await _patiently(lambda: self._store.read(batch_id))
        if batch is None or batch.state in OVER:
            return True
        self._cancelled = batch.state == "cancelling"
        if not self._cancelled or self._lines:
            return False
        return await _patiently(lambda: self._store.end_if_idle(batch_id))

    async def _taken_over(self) -> list[int]:
        """Wait for what others have asked; returns the lines that are still to be asked."""
        batch = self._batch
        under_way = await _patiently(lambda: self._store.under_way(batch.id))
        over = await _patiently(lambda: self._store.numbers_over(batch.id))
        for number, job_id in under_way.items():
            self._start(number, job_id)
        return [n for n in range(batch.total) if n not in over and n not in under_way]

    def _start(self, number: int, job_id: str | None) -> None:
        self._lines.add(asyncio.create_task(self._through(number, job_id)))

    async def _something(self) -> None:
        """Return when a line is over, or after a while; raises Lost."""
        if not self._lines:
            await asyncio.sleep(LOOK_EVERY_S)
            return
        done, self._lines = await asyncio.wait(
            self._lines, timeout=LOOK_EVERY_S, return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()

    async def _through(self, number: int, job_id: str | None) -> None:
        """Bring one line to its end, unless the batch is cancelled before its turn; raises Lost."""
        batch = self._batch
        [data] = await _patiently(lambda: self._store.lines(batch.id, number, 1))
        asked = read(data, number + 1)
        try:
            said = await self._said(number, asked, job_id)
        except SentinelError as error:
            said = asking.refused(error)
        except Lost:
            raise
        except NotAsked:
            return
        except Exception:
            logger.exception("line broke", extra={"batch": batch.id})
            said = asking.refused(InternalError("The gateway could not process this line."))
        told = result(batch.id, number, asked, said.status, self._name(number), said.body)
        await _patiently(lambda: self._store.finish(batch.id, number, told, succeeded=succeeded(said.status)))

    async def _said(self, number: int, line: RequestLine, job_id: str | None) -> Said:
        """Ask a line until it has an answer or another try would not help; raises SentinelError and Lost."""
        question = asking.question_of(self._ctx, self._batch.client, line)
        asked = _Asked(number, line, question)
        said: Said | None = None
        for _ in range(TRIES):
            if said is not None and said.retry_s is not None:
                await asyncio.sleep(said.retry_s)
            said = await self._once(asked, job_id)
            job_id = None
            if said.retry_s is None:
                break
        assert said is not None  # noqa: S101 - there is at least one try
        return said

    async def _once(self, asked: _Asked, job_id: str | None) -> Said:
        client, metadata = self._batch.client, asked.question.metadata
        submitted: Submitted | None = None
        while True:
            if job_id is None:
                begun = await self._begun(asked)
                if not isinstance(begun, Submitted):
                    return asking.said_at_once(asked.line, begun, metadata)
                submitted, job_id = begun, begun.job_id
            data = await self._outcome(job_id)
            if data is not None:
                return asking.said_later(self._ctx, client, asked.line, submitted, data, metadata)
            # It was settled and forgotten while nobody fed the batch.
            job_id = None

    async def _begun(self, asked: _Asked) -> asking.Begun:
        """Ask in turn, waiting as long as the gateway says; raises SentinelError, NotAsked and Lost."""
        batch = self._batch
        async with self._asking:
            while True:
                if self._cancelled:
                    raise NotAsked
                try:
                    begun, rate = await asking.ask(
                        self._ctx, batch.client, asked.question, self._name(asked.number)
                    )
                    break
                except SentinelError as error:
                    pause_s = asking.turn_comes_in_s(error)
                    if pause_s is None:
                        raise
                    await asyncio.sleep(pause_s)
            if isinstance(begun, Submitted):
                job_id = begun.job_id
                noted = await _patiently(
                    lambda: self._store.asked(batch.id, self._feeder, asked.number, job_id)
                )
                if not noted:
                    raise Lost
            await asyncio.sleep(asking.patience_s(rate))
        return begun

    async def _outcome(self, job_id: str) -> bytes | None:
        """Wait for a job; None when nobody knows it any more."""
        ctx = self._ctx
        for_ms = int(ctx.settings.job_deadline_s * 1000)
        interest = polled_by(self._batch.client.key_id)
        state = await _patiently(
            lambda: ctx.jobs.attach(job_id, ctx.hub.inbox, interest=interest, for_ms=for_ms)
        )
        # A settled job announces nothing any more.
        data = await ctx.hub.wait(job_id, WAIT_S, set()) if state in RUNNING else None
        while data is None:
            record = await _patiently(lambda: ctx.jobs.read(job_id))
            if record is None or record.state not in RUNNING:
                return None if record is None else record.outcome
            data = await ctx.hub.wait(job_id, WAIT_S, set())
        return data

    def _name(self, number: int) -> str:
        return f"{self._batch.id}.{number}"


async def _patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Make a call as often as it takes until Redis is there."""
    while True:
        try:
            return await call()
        except RedisUnavailable:
            await asyncio.sleep(AWAY_PAUSE_S)
