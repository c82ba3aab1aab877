"""A question that kills every worker that takes it."""

import asyncio
import contextlib
from typing import Any

from shared.redis import keys
from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.history import Struck, now
from tests.chaos.questions import Question

MARK = "poisoned"
GIVES_UP_S = 40.0
LOOK_EVERY_S = 0.05


class PoisonJob(Fault):
    """Its holder is killed each time its call has arrived upstream, until it is given up."""

    kind = "poison"

    async def inject(self) -> Hit:
        """Ask it, and kill whoever works on it until it has settled."""
        question = Question(f"Explain {MARK} number {self.number}.")
        rule = {"match": {"contains": question.prompt}, "latency_ms": 3_000}
        await self.site.fleet.script(rule)
        self._since = await self._last_call()
        accepted = await self.site.line.ask(question, 0, 0.0)
        self._restarts: list[asyncio.Task[None]] = []
        if accepted is not None and accepted.job_id:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GIVES_UP_S):
                    await self._haunt(question.prompt, accepted.job_id)
        # Each kill was recorded as it happened.
        return Hit("whoever holds it", 0)

    async def heal(self) -> Cure:
        """Back to the usual behaviour, with a full fleet."""
        await asyncio.gather(*self._restarts)
        await self.site.fleet.script()
        return Cure(f"{len(self._restarts)} workers killed")

    async def _haunt(self, prompt: str, job_id: str) -> None:
        while await self.site.redis.zscore(keys.queue(), job_id) is not None:
            await asyncio.sleep(LOOK_EVERY_S)
            if await self._arrived(prompt) <= len(self._restarts):
                continue
            for member in self.site.fleet.workers:
                if member.running and job_id in await self.site.held_by(member):
                    self.site.fleet.kill(member)
                    self.site.history.record(Struck(at=now(), fault=self.number, target=member.name))
                    self._restarts.append(asyncio.create_task(self.site.bring_back(member)))

    async def _arrived(self, prompt: str) -> int:
        return sum(call["question"] == prompt for call in await self._calls(self._since))

    async def _last_call(self) -> int:
        return max((call["seq"] for call in await self._calls(0)), default=0)

    async def _calls(self, since: int) -> list[dict[str, Any]]:
        fleet = self.site.fleet
        found = await fleet.http.get(f"{fleet.stack.simulator}/_simulator/calls", params={"since": since})
        calls: list[dict[str, Any]] = found.json()["calls"]
        return calls
