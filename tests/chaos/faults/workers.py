"""Workers that are killed, paused and stopped."""

import asyncio
import signal

from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.fleet import Member


class WorkerFault(Fault):
    """Hits one worker, drawn by the run's seed."""

    async def take(self) -> None:
        """Any worker will do."""
        self.members = [await self.site.take_one(self.site.fleet.workers)]

    @property
    def member(self) -> Member:
        """The worker."""
        return self.members[0]

    def _hit(self) -> Hit:
        return Hit(self.member.name, (self.member.name,))


class WorkerKill(WorkerFault):
    """SIGKILL: its jobs are found when its connections are missed."""

    kind = "worker_kill"

    async def inject(self) -> Hit:
        """Kill it."""
        self.site.fleet.kill(self.member)
        return self._hit()

    async def heal(self) -> Cure:
        """Start another in its place."""
        await self.site.bring_back(self.member)
        return Cure()


class WorkerPauseShort(WorkerFault):
    """SIGSTOP for less than a lease: nobody should take its jobs."""

    kind = "worker_pause_short"
    lasts_s = (0.5, 1.5)

    async def inject(self) -> Hit:
        """Stop it where it stands."""
        self.site.fleet.signal(self.member, signal.SIGSTOP)
        return self._hit()

    async def heal(self) -> Cure:
        """Let it go on, unaware."""
        self.site.fleet.signal(self.member, signal.SIGCONT)
        return Cure()


class WorkerPauseLong(WorkerPauseShort):
    """SIGSTOP past the lease: it wakes as a stale holder, whose writes the fence refuses."""

    kind = "worker_pause_long"
    lasts_s = (4.0, 6.0)


class WorkerTerm(WorkerFault):
    """SIGTERM: a planned stop finishes its jobs or hands them back."""

    kind = "worker_term"

    async def inject(self) -> Hit:
        """Ask it to stop; its exit code is looked at when it is mended."""
        self.site.fleet.tell_to_stop(self.member)
        return self._hit()

    async def heal(self) -> Cure:
        """Wait for its end and start another."""
        code = await self.site.fleet.stop(self.member)
        await self.site.bring_back(self.member)
        return Cure(codes=(code,))


class WorkerStorm(Fault):
    """SIGTERM to every worker, a moment apart: for a while nobody works."""

    kind = "worker_storm"

    async def take(self) -> None:
        """All of them, as the faults that have them end."""
        self.members = self.site.fleet.workers
        await self.site.targets.take_all(member.name for member in self.members)

    async def inject(self) -> Hit:
        """Stop them one after the other."""
        for member in self.members:
            self.site.fleet.tell_to_stop(member)
            await asyncio.sleep(self.site.draws.uniform(0, 0.4))
        names = tuple(member.name for member in self.members)
        return Hit(" ".join(names), names)

    async def heal(self) -> Cure:
        """Start them all again."""
        codes = [await self.site.fleet.stop(member) for member in self.members]
        await asyncio.gather(*(self.site.bring_back(member) for member in self.members))
        return Cure(codes=tuple(codes))
