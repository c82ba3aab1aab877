"""A question that kills every worker that takes it."""

import asyncio
import contextlib

from shared.redis import keys
from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.fleet import Member
from tests.chaos.history import Struck, now
from tests.chaos.questions import Question

MARK = "poisoned"
GIVES_UP_S = 40.0
LOOK_EVERY_S = 0.05
SENT = "sent"


class PoisonJob(Fault):
    """Its holder is killed each time it has marked its call as sent, until the job is given up."""

    kind = "poison"

    async def inject(self) -> Hit:
        """Ask it, and kill whoever works on it until it has settled."""
        question = Question(f"Explain {MARK} number {self.number}.")
        rule = {"match": {"contains": question.prompt}, "latency_ms": 3_000}
        await self.site.fleet.script(self.number, rule)
        accepted = await self.site.line.ask(question, 0, 0.0)
        self._restarts: list[asyncio.Task[None]] = []
        if accepted is not None and accepted.job_id:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GIVES_UP_S):
                    await self._haunt(accepted.job_id)
        # Each kill was recorded as it happened.
        return Hit("whoever holds it")

    async def heal(self) -> Cure:
        """Back to the usual behaviour, with a full fleet."""
        await asyncio.gather(*self._restarts)
        await self.site.fleet.script(self.number, None)
        return Cure(f"{len(self._restarts)} workers killed")

    async def _haunt(self, job_id: str) -> None:
        while await self.site.redis.zscore(keys.queue(), job_id) is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            holder = await self.site.holder_of(job_id)
            if holder is None or not await self._is_sent(job_id):
                continue
            # While another fault had it, the job may have gone elsewhere.
            await self.site.targets.take_one([holder.name])
            if await self.site.holder_of(job_id) is not holder:
                await self.site.targets.release([holder.name])
                continue
            self.site.fleet.kill(holder)
            self.site.history.record(Struck(at=now(), fault=self.number, target=holder.name))
            self._restarts.append(asyncio.create_task(self._replace(holder)))

    async def _replace(self, member: Member) -> None:
        try:
            await self.site.bring_back(member)
        finally:
            await self.site.targets.release([member.name])

    async def _is_sent(self, job_id: str) -> bool:
        return bool(await self.site.redis.hget(keys.job(job_id), SENT))  # type: ignore[misc]
