"""Ingresses that are killed and stopped, and come back on the same port."""

from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.fleet import Member


class IngressKill(Fault):
    """SIGKILL: callers lose their connection, their jobs go on."""

    kind = "ingress_kill"

    async def take(self) -> None:
        """Any ingress will do."""
        self.members = [await self.site.take_one(self.site.fleet.ingresses)]

    @property
    def member(self) -> Member:
        """The ingress."""
        return self.members[0]

    async def inject(self) -> Hit:
        """Kill it; it holds no job, and whoever asks again joins the flight that is under way."""
        self.site.fleet.kill(self.member)
        return Hit(self.member.name)

    async def heal(self) -> Cure:
        """Start another on its port."""
        await self.site.bring_back(self.member)
        return Cure()


class IngressTerm(IngressKill):
    """SIGTERM: waiting callers leave with a job id, new ones get a 503."""

    kind = "ingress_term"

    async def inject(self) -> Hit:
        """Ask it to stop."""
        self.site.fleet.tell_to_stop(self.member)
        return Hit(self.member.name)

    async def heal(self) -> Cure:
        """Wait for its end and start another on its port."""
        code = await self.site.fleet.stop(self.member)
        await super().heal()
        return Cure(codes=(code,))
