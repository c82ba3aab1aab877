"""Workers that are killed, paused and stopped."""

import asyncio
import signal

from tests.chaos.faults.fault import Cure, Fault, Hit, Site


class WorkerFault(Fault):
    """Hits one worker, drawn by the run's seed."""

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(site, number)
        self.member = site.draws.choice(site.fleet.workers)


class WorkerKill(WorkerFault):
    """SIGKILL: its jobs are found when their leases end."""

    kind = "worker_kill"

    async def inject(self) -> Hit:
        """Kill it, then see what it held."""
        self.site.fleet.kill(self.member)
        return Hit(self.member.name, 1, await self.site.held_by(self.member))

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
        return Hit(self.member.name, 1, await self.site.held_by(self.member))

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
        held = await self.site.held_by(self.member)
        self.site.fleet.tell_to_stop(self.member)
        return Hit(self.member.name, 1, held)

    async def heal(self) -> Cure:
        """Wait for its end and start another."""
        code = await self.site.fleet.stop(self.member)
        await self.site.bring_back(self.member)
        return Cure(codes=(code,))


class WorkerStorm(Fault):
    """SIGTERM to every worker, a moment apart: for a while nobody works."""

    kind = "worker_storm"

    async def inject(self) -> Hit:
        """Stop them one after the other."""
        names = []
        for member in self.site.fleet.workers:
            self.site.fleet.tell_to_stop(member)
            names.append(member.name)
            await asyncio.sleep(self.site.draws.uniform(0, 0.4))
        return Hit(" ".join(names), len(names))

    async def heal(self) -> Cure:
        """Start them all again."""
        codes = [await self.site.fleet.stop(member) for member in self.site.fleet.workers]
        await asyncio.gather(*(self.site.bring_back(member) for member in self.site.fleet.workers))
        return Cure(codes=tuple(codes))
