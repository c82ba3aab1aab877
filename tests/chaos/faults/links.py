"""The way of one process to Redis swallows, delays or resets what passes."""

from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.fleet import Member


class LinkHole(Fault):
    """Nothing passes; afterwards it arrives late."""

    kind = "link_hole"
    lasts_s = (0.5, 6.0)

    async def take(self) -> None:
        """Any process will do."""
        self.members = [await self.site.take_one(list(self.site.fleet.members.values()))]

    @property
    def member(self) -> Member:
        """The process at this end of the link."""
        return self.members[0]

    async def inject(self) -> Hit:
        """Close the gate."""
        self.member.link.hole()
        return self._hit()

    def _hit(self) -> Hit:
        # An ingress holds no job.
        return Hit(self.member.name, () if self.member.port else (self.member.name,))

    async def heal(self) -> Cure:
        """Let everything pass."""
        self.member.link.restore()
        return Cure()


class LinkReset(LinkHole):
    """Connections are reset, new ones too."""

    kind = "link_reset"
    lasts_s = (0.0, 4.0)

    async def inject(self) -> Hit:
        """Break them."""
        self.member.link.reset()
        return self._hit()


class LinkSlow(LinkHole):
    """Every answer is late, but within the time that a process waits for it."""

    kind = "link_slow"
    lasts_s = (1.0, 4.0)

    async def inject(self) -> Hit:
        """Delay both directions by 20 to 150 ms each."""
        self.member.link.slow(self.site.draws.uniform(0.02, 0.15))
        return self._hit()
