"""Ingresses that are killed and stopped, and come back on the same port."""

from tests.chaos.faults.fault import Cure, Fault, Hit, Site

NO_CALL = 0
"""An ingress holds no job: whoever asks again joins the flight that is under way."""


class IngressKill(Fault):
    """SIGKILL: callers lose their connection, their jobs go on."""

    kind = "ingress_kill"

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(site, number)
        self.member = site.draws.choice(site.fleet.ingresses)

    async def inject(self) -> Hit:
        """Kill it."""
        self.site.fleet.kill(self.member)
        return Hit(self.member.name, NO_CALL)

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
        return Hit(self.member.name, NO_CALL)

    async def heal(self) -> Cure:
        """Wait for its end and start another on its port."""
        code = await self.site.fleet.stop(self.member)
        await super().heal()
        return Cure(codes=(code,))
