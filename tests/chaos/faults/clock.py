"""A process whose clock is wrong; offered where libfaketime is installed."""

import os
from pathlib import Path

from tests.chaos.faults.fault import Cure, Fault, Hit, Site
from tests.chaos.fleet import Member

PLACES = (
    *(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1" for machine in ("x86_64", "aarch64")),
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
)
OFFSETS = ("-3600s", "-7s", "+7s", "+3600s")


def library() -> Path | None:
    """Find libfaketime where distributions put it, or where FAKETIME_LIBRARY says."""
    named = os.environ.get("FAKETIME_LIBRARY")
    found = (Path(place) for place in ((named,) if named else PLACES))
    return next((path for path in found if path.exists()), None)


class ClockSkew(Fault):
    """One process is restarted in another time, serves there for a while, and returns."""

    kind = "clock_skew"
    lasts_s = (2.0, 5.0)

    def __init__(self, site: Site, number: int) -> None:
        super().__init__(site, number)
        self.member: Member = site.draws.choice(
            sorted(site.fleet.members.values(), key=lambda member: member.name)
        )
        self.offset = site.draws.choice(OFFSETS)

    async def inject(self) -> Hit:
        """Restart it with a wall clock that is off; its monotonic clock stays right."""
        await self.site.fleet.stop(self.member)
        await self.site.bring_back(
            self.member,
            LD_PRELOAD=str(library()),
            FAKETIME=self.offset,
            FAKETIME_DONT_FAKE_MONOTONIC="1",
        )
        # A worker is restarted twice, an ingress holds no job.
        return Hit(self.member.name, 0 if self.member.port else 2)

    async def heal(self) -> Cure:
        """Restart it in our time."""
        await self.site.fleet.stop(self.member)
        await self.site.bring_back(self.member)
        return Cure(f"clock was off by {self.offset}")
