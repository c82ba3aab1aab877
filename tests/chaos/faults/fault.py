"""What a fault is, and what it may touch."""

import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from redis.asyncio import Redis

from shared.redis import keys
from tests.chaos.caller import Line
from tests.chaos.fleet import Fleet, Member, NotReady
from tests.chaos.history import Died, History, now


@dataclass(frozen=True, slots=True)
class Site:
    """Where faults happen; `redis` is reached without any link."""

    fleet: Fleet
    history: History
    redis: Redis
    line: Line
    draws: random.Random

    async def bring_back(self, member: Member, **environment: str) -> None:
        """Start a member again, and once more when the first start fails; raises NotReady."""
        self.fleet.start(member, **environment)
        try:
            await self.fleet.ready(member)
        except NotReady:
            code = member.process.popen.poll()
            self.history.record(Died(at=now(), process=member.name, code=code))
            self.fleet.kill(member)
            self.fleet.start(member, **environment)
            await self.fleet.ready(member)

    async def held_by(self, member: Member) -> tuple[str, ...]:
        """List the jobs in work whose holder is this member, also after its death."""
        waiting = [job_id.decode() for job_id in await self.redis.zrange(keys.queue(), 0, -1)]
        async with self.redis.pipeline(transaction=False) as pipe:
            for job_id in waiting:
                pipe.hmget(keys.job(job_id), ["state", "worker"])
            found = await pipe.execute()
        pid = f"-{member.process.popen.pid}".encode()
        return tuple(
            job_id
            for job_id, (state, worker) in zip(waiting, found, strict=True)
            if state == b"in_progress" and (worker or b"").endswith(pid)
        )


@dataclass(frozen=True, slots=True)
class Hit:
    """Whom a fault hit, how many further upstream calls it may cost a question, and what its target held."""

    target: str
    costs: int
    held: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cure:
    """When the target answered again, in the history's seconds, and how those ended that were to end well."""

    note: str = ""
    up_at: float | None = None
    codes: tuple[int, ...] = ()


class Fault(ABC):
    """One occurrence of a fault; `lasts_s` bounds the time between `inject` and `heal`."""

    kind: ClassVar[str]
    lasts_s: ClassVar[tuple[float, float]] = (0.1, 0.5)

    def __init__(self, site: Site, number: int) -> None:
        self.site = site
        self.number = number

    @abstractmethod
    async def inject(self) -> Hit:
        """Break it."""

    @abstractmethod
    async def heal(self) -> Cure:
        """Mend it, and return once it works."""
