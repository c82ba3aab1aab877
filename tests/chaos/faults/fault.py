"""What a fault is, and what it may touch."""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from redis.asyncio import Redis

from shared.redis import keys
from tests.chaos.caller import Line
from tests.chaos.fleet import Fleet, Member, NotReady
from tests.chaos.history import Died, History, now
from tests.chaos.targets import Targets

STARTS = 5
"""How often a member is started before the run is given up; each failure is in the history."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the faults of one lane happen; `redis` is reached without any link, `draws` is the lane's own."""

    fleet: Fleet
    history: History
    redis: Redis
    line: Line
    targets: Targets
    draws: random.Random

    async def take_one(self, members: Sequence[Member]) -> Member:
        """Have a member to oneself, drawn from those that no fault has."""
        names = [member.name for member in members]
        return self.fleet.members[await self.targets.take_one(self.draws.sample(names, len(names)))]

    async def bring_back(self, member: Member, **environment: str) -> None:
        """Start a member again, and once more when a start fails; raises NotReady."""
        for _ in range(STARTS - 1):
            self.fleet.start(member, **environment)
            try:
                return await self.fleet.ready(member)
            except NotReady:
                code = member.process.popen.poll()
                self.history.record(Died(at=now(), process=member.name, code=code))
                self.fleet.kill(member)
        self.fleet.start(member, **environment)
        return await self.fleet.ready(member)

    async def holder_of(self, job_id: str) -> Member | None:
        """Find the worker that has a job in work, also after its death."""
        state, worker = await self.redis.hmget(keys.job(job_id), ["state", "worker"])  # type: ignore[misc]
        if state != b"in_progress":
            return None
        # Host, process id, and what tells it from an earlier one of the same.
        pid = (worker or b"").decode().rsplit("-", 2)[-2]
        return next((m for m in self.fleet.workers if str(m.process.popen.pid) == pid), None)


@dataclass(frozen=True, slots=True)
class Hit:
    """Whom a fault hit, and whose work it may cost: each name, once for each time that it was struck."""

    target: str
    struck: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cure:
    """When the target answered again, in the history's seconds, and how those ended that were to end well.

    `struck` is whom the mending struck once more.
    """

    note: str = ""
    up_at: float | None = None
    codes: tuple[int, ...] = ()
    struck: tuple[str, ...] = ()


class Fault(ABC):
    """One occurrence of a fault; `lasts_s` bounds the time between `inject` and `heal`."""

    kind: ClassVar[str]
    lasts_s: ClassVar[tuple[float, float]] = (0.1, 0.5)

    def __init__(self, site: Site, number: int) -> None:
        self.site = site
        self.number = number
        self.members: list[Member] = []

    async def take(self) -> None:  # noqa: B027 - most of what can be hit belongs to one lane alone
        """Have its targets, `members`, to itself; waits until they are free."""

    @abstractmethod
    async def inject(self) -> Hit:
        """Break it."""

    @abstractmethod
    async def heal(self) -> Cure:
        """Mend it, and return once it works."""

    async def release(self) -> None:
        """Give its targets back."""
        await self.site.targets.release(member.name for member in self.members)
