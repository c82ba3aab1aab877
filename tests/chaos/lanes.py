"""Several lanes of faults at once, each with its own luck; whom one has no other can have."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.chaos.faults import catalogue
from tests.chaos.faults.catalogue import Lane
from tests.chaos.faults.fault import Fault, Site
from tests.chaos.fleet import NotReady
from tests.chaos.history import Died, Healed, Injected, Struck, Stumbled, now

LOOK_EVERY_S = 0.2


async def drive(lanes: Sequence[Lane], site: Site, *, seed: int, seconds: float) -> None:
    """Inject the faults of every lane until the time is over and each kind had its turn; mend the last."""
    ends_at = now() + seconds
    numbers = itertools.count(1)
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            own = replace(site, draws=random.Random(f"{seed} {lane.name}"))
            group.create_task(_drive_one(lane, own, numbers, ends_at))


async def replace_fallen(site: Site, stop: asyncio.Event) -> None:
    """Record and replace what ended by itself, until told to stop."""
    while not stop.is_set():
        await asyncio.sleep(LOOK_EVERY_S)
        for member in site.fleet.fallen():
            if not site.targets.is_taken(member.name):
                await site.targets.take_one([member.name])
                site.history.record(Died(at=now(), process=member.name, code=member.process.popen.returncode))
                # Each start that failed is in the history, and the next round tries again.
                with contextlib.suppress(NotReady):
                    await site.bring_back(member)
                await site.targets.release([member.name])


async def _drive_one(lane: Lane, site: Site, numbers: Iterator[int], ends_at: float) -> None:
    for turn, kind in enumerate(catalogue.sequence(lane.kinds, site.draws)):
        await asyncio.sleep(site.draws.uniform(*lane.pause_s))
        fault = kind(site, next(numbers))
        await fault.take()
        try:
            if now() >= ends_at and turn >= len(lane.kinds):
                return
            await _one(site, fault)
        except Exception as error:  # noqa: BLE001 - judged later: one lane's trouble must not end a long run
            stumbled = Stumbled(at=now(), fault=fault.number, kind=fault.kind, error=repr(error))
            site.history.record(stumbled)
        finally:
            await fault.release()


async def _one(site: Site, fault: Fault) -> None:
    began = now()
    hit = await fault.inject()
    site.history.record(Injected(at=began, fault=fault.number, kind=fault.kind, target=hit.target))
    _strike(site, fault, hit.struck, began)
    await asyncio.sleep(site.draws.uniform(*fault.lasts_s))
    mending = now()
    cure = await fault.heal()
    _strike(site, fault, cure.struck, mending)
    site.history.record(
        Healed(at=now(), fault=fault.number, note=cure.note, up_at=cure.up_at, codes=cure.codes)
    )


def _strike(site: Site, fault: Fault, struck: Sequence[str], at: float) -> None:
    for target in struck:
        site.history.record(Struck(at=at, fault=fault.number, target=target))
