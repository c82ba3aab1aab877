"""What a settled job teaches: how often proposals of its chance are right, off its caller's path."""

import asyncio
import logging
from typing import Final, Literal

from redis.exceptions import RedisError

from shared import metrics
from shared.errors import SentinelError
from shared.jobs import JobQueue
from shared.tallies import Lesson, TallyStore
from shared.tasks import cancel
from shared.wire.job import Check, Job
from shared.wire.outcome import Answer, Completed, Outcome
from shared.wrong_pairs import WrongPairs
from workers.checking import Checks
from workers.semantic.bounds import Bounds
from workers.semantic.found import Looked
from workers.semantic.judging import Judge
from workers.semantic.same_answer import Sameness, same_answer
from workers.shadow import ShadowPolicy

logger = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 200
"""Lessons under way; past it some are not drawn, which costs knowledge and no answer."""
FAREWELL_S: Final = 1.0
LEARNED: Final[dict[Sameness, Literal["right", "wrong"]]] = {"same": "right", "different": "wrong"}


class Lessons:
    """Draws lessons from settled jobs; whatever breaks here costs the lesson."""

    def __init__(
        self,
        store: TallyStore,
        wrong_pairs: WrongPairs,
        checks: Checks,
        judge: Judge,
        bounds: Bounds,
        shadow: ShadowPolicy | None = None,
    ) -> None:
        self._store = store
        self._wrong_pairs = wrong_pairs
        self._checks = checks
        self._judge = judge
        self._bounds = bounds
        self._shadow = shadow
        self._drawing: set[asyncio.Task[None]] = set()

    def after(self, jobs: JobQueue, job: Job, looked: Looked | None, outcome: Outcome, now_ms: int) -> None:
        """Learn from a job that has just been settled, without anybody waiting for it."""
        nothing = looked is None or looked.vector is None
        if (nothing and job.check is None) or len(self._drawing) >= AT_ONCE_MAX:
            return
        task = asyncio.create_task(self._draw(jobs, job, looked, outcome, now_ms))
        self._drawing.add(task)
        task.add_done_callback(self._drawing.discard)

    async def settle_down(self) -> None:
        """Wait until no lesson is under way."""
        while self._drawing:
            await asyncio.wait(set(self._drawing))

    async def aclose(self) -> None:
        """Finish what is nearly done, and leave the rest."""
        if self._drawing:
            await asyncio.wait(set(self._drawing), timeout=FAREWELL_S)
        await cancel(list(self._drawing))
        if self._shadow is not None:
            await self._shadow.aclose()

    async def _draw(
        self, jobs: JobQueue, job: Job, looked: Looked | None, outcome: Outcome, now_ms: int
    ) -> None:
        try:
            if job.check is not None:
                await self._from_check(job, job.check, outcome)
            elif looked is not None:
                await self._from_look(jobs, job, looked, outcome, now_ms)
                if self._shadow is not None:
                    await self._shadow.compare(job, looked, now_ms)
        except (SentinelError, RedisError, OSError) as error:
            logger.warning("lesson lost", extra={"error": type(error).__name__})
        except Exception:
            logger.exception("lesson broke")

    async def _from_look(
        self, jobs: JobQueue, job: Job, looked: Looked, outcome: Outcome, now_ms: int
    ) -> None:
        """A proposal counts whatever becomes of it; a refused one is judged by the answer bought instead."""
        if looked.proposal is None:
            return
        entry, match = looked.proposal
        if match.chance is None:
            return
        lessons = [Lesson("proposed", match.chance)]
        if looked.entry is None and isinstance(outcome, Completed) and outcome.source == "provider":
            verdict = await self._compared(entry.answer, outcome.answer)
            metrics.judgements.labels("answer", verdict).inc()
            if verdict in LEARNED:
                lessons.append(Lesson(LEARNED[verdict], match.chance))
        await self._store.learn(job.tenant, match.policy, lessons)
        if looked.entry is not None and self._bounds.most_wrong(job.policy.most_wrong) is not None:
            await self._checks.consider(jobs, job, match, entry.answer.cost, now_ms)

    async def _from_check(self, job: Job, check: Check, outcome: Outcome) -> None:
        """A check that finds a hit wrong also bars that pair: the same mistake is not made again."""
        entry = await self._checks.finished(job, check, outcome)
        if entry is None or not isinstance(outcome, Completed):
            return
        verdict = await self._compared(entry.answer, outcome.answer)
        metrics.judgements.labels("shadow_check", verdict).inc()
        metrics.shadow_checks.labels(LEARNED.get(verdict, "unsure")).inc()
        if verdict == "different":
            await self._wrong_pairs.bar(job.tenant, job.fingerprint, entry.id)
        if verdict in LEARNED:
            await self._store.learn(job.tenant, check.policy, [Lesson(LEARNED[verdict], check.chance)])

    async def _compared(self, one: Answer, other: Answer) -> Sameness:
        if one.choices or other.choices:
            # Calls of tools, refusals, several choices: whether they come to the same nobody here can tell.
            return "same" if one.choices == other.choices else "unsure"
        if one.text == other.text:
            return "same"
        return same_answer(one.text, other.text, await self._judge.similarity(one.text, other.text))
