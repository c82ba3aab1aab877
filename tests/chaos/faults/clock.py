"""A process whose clock is wrong; offered where libfaketime is installed."""

import functools
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.faults.fault import Cure, Fault, Hit
from tests.chaos.fleet import Member

PLACES = (
    *(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1" for machine in ("x86_64", "aarch64")),
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
)
IN_WHEEL = "vendor/libfaketime/src/libfaketime.so.1"
OFFSETS = ("-3600s", "-7s", "+7s", "+3600s")
TRIED_WITH = "-86400s"


@functools.cache
def library() -> Path | None:
    """Find a libfaketime that works: FAKETIME_LIBRARY's, a distribution's, or that of PyPI's wheel."""
    return next((path for path in _places() if path.exists() and _shifts(path)), None)


def _places() -> Iterator[Path]:
    named = os.environ.get("FAKETIME_LIBRARY")
    if named:
        yield Path(named)
        return
    yield from map(Path, PLACES)
    wheel = importlib.util.find_spec("libfaketime")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        yield Path(folder) / IN_WHEEL


def _shifts(library: Path) -> bool:
    # A library for another machine is skipped by the loader with a mere warning.
    program = [sys.executable, "-c", "import time; print(time.time())"]
    run = subprocess.run(
        program, env=_skewed(library, TRIED_WITH), capture_output=True, text=True, check=False, timeout=10
    )
    return run.returncode == 0 and time.time() - float(run.stdout) > 80_000


def _skewed(library: Path, offset: str) -> dict[str, str]:
    """What starts a process whose wall clock is off; its monotonic clock stays right."""
    return {"LD_PRELOAD": str(library), "FAKETIME": offset, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


class ClockSkew(Fault):
    """One process is restarted in another time, serves there for a while, and returns."""

    kind = "clock_skew"
    lasts_s = (2.0, 5.0)

    async def take(self) -> None:
        """Any process will do."""
        self.members = [await self.site.take_one(list(self.site.fleet.members.values()))]

    @property
    def member(self) -> Member:
        """The process."""
        return self.members[0]

    async def inject(self) -> Hit:
        """Restart it with a wall clock that is off."""
        self.offset = self.site.draws.choice(OFFSETS)
        place = library()
        assert place is not None
        await self.site.fleet.stop(self.member)
        await self.site.bring_back(self.member, **_skewed(place, self.offset))
        return Hit(self.member.name, self._struck())

    async def heal(self) -> Cure:
        """Restart it in our time."""
        stopped = await self.site.fleet.stop(self.member)
        await self.site.bring_back(self.member)
        return Cure(f"clock was off by {self.offset}", codes=(stopped,), struck=self._struck())

    def _struck(self) -> tuple[str, ...]:
        # An ingress holds no job.
        return () if self.member.port else (self.member.name,)
