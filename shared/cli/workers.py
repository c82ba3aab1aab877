"""`sentinel workers`: who works; quiet, drain or wake one."""

import argparse

from shared.cli.operating import Fleet, show, with_fleet
from shared.cli.terminal import say
from shared.fleet_control import FleetControl, Wish
from shared.heartbeats import Heartbeats

COLUMNS = ("worker", "state", "busy", "slots", "jobs/s", "loop lag", "version")
WISHES: dict[str, Wish] = {"quiet": "quiet", "drain": "drain", "wake": ""}


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `quiet ID`, `drain ID` and `wake ID`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    command.set_defaults(verb="list", json=False)
    listed = verbs.add_parser("list", help="the workers heard of in the last five seconds")
    listed.add_argument("--json", action="store_true", help="print JSON; so it is where there is no terminal")
    for verb, meaning in (
        ("quiet", "let a worker finish what it has and take no more"),
        ("drain", "let a worker end once its jobs are done; whoever supervises it starts another"),
        ("wake", "let a quiet worker take jobs again"),
    ):
        verbs.add_parser(verb, help=meaning).add_argument("ids", nargs="+", metavar="worker")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; returns 1 for a worker that is not known, raises CannotStart without Redis."""
    return with_fleet(lambda fleet: _list(fleet, given) if given.verb == "list" else _wish(fleet, given))


async def _list(fleet: Fleet, given: argparse.Namespace) -> int:
    beats = await Heartbeats(fleet.queues[0]).alive()
    cells = [
        (
            *(beat.worker, beat.mode, str(beat.busy), str(beat.slots)),
            *(f"{beat.per_s:.1f}", f"{beat.loop_lag_ms:.1f} ms", beat.version),
        )
        for beat in beats
    ]
    show(beats, COLUMNS, cells, as_json=given.json)
    return 0


async def _wish(fleet: Fleet, given: argparse.Namespace) -> int:
    known = {beat.worker for beat in await Heartbeats(fleet.queues[0]).alive()}
    control = FleetControl(fleet.queues)
    for worker in given.ids:
        if worker not in known:
            say(f"{worker}  no such worker lives")
            continue
        await fleet.note(f"{given.verb} worker", worker)
        await control.wish(worker, WISHES[given.verb])
        say(f"{worker}  follows within two seconds")
    return 0 if known.issuperset(given.ids) else 1
