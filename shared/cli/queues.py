"""`sentinel queues`: which classes of jobs are taken; pause one, or resume it."""

import argparse

from shared.cli.operating import Fleet, show, with_fleet
from shared.cli.terminal import say
from shared.fleet_control import FleetControl
from shared.load import look, together
from shared.redis.keys import PriorityClass
from shared.submissions import CLASSES

COLUMNS = ("class", "state", "rung, not heard")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `pause CLASS` and `resume CLASS`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    command.set_defaults(verb="list", json=False)
    listed = verbs.add_parser("list", help="the classes of jobs")
    listed.add_argument("--json", action="store_true", help="print JSON; so it is where there is no terminal")
    for verb, meaning in (
        ("pause", "let workers leave a class alone; its jobs wait, to their deadlines"),
        ("resume", "let workers take it up again"),
    ):
        verbs.add_parser(verb, help=meaning).add_argument("priority", choices=CLASSES, metavar="class")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; raises CannotStart without Redis."""
    return with_fleet(lambda fleet: _list(fleet, given) if given.verb == "list" else _pause(fleet, given))


async def _list(fleet: Fleet, given: argparse.Namespace) -> int:
    paused = await FleetControl(fleet.queues).paused()
    load = together([await look(queue) for queue in fleet.queues])
    rung = {"interactive": load.bell_interactive, "batch": load.bell_batch}
    rows = [{"class": name, "paused": paused[name], "rung": rung[name]} for name in CLASSES]
    cells = [(name, "paused" if paused[name] else "active", str(rung[name])) for name in CLASSES]
    show(rows, COLUMNS, cells, as_json=given.json)
    return 0


async def _pause(fleet: Fleet, given: argparse.Namespace) -> int:
    priority: PriorityClass = given.priority
    await fleet.note(given.verb, priority)
    await FleetControl(fleet.queues).pause(priority, paused=given.verb == "pause")
    say(f"{priority} is {given.verb}d; workers follow within two seconds")
    return 0
