"""`sentinel budgets`: what tenants and keys may spend, and what one of them may instead."""

import argparse
from typing import Final

import msgspec

from shared.budgets import settings_budget
from shared.cli.operating import Fleet, show, with_fleet
from shared.cli.terminal import say
from shared.own_budgets import HOLDERS, OwnBudget, OwnBudgets, holder_of

FIELDS: Final = OwnBudget.__struct_fields__
COLUMNS: Final = ("whose", *(field.removesuffix("_usd").replace("_", ", ") + " $" for field in FIELDS))


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list [--json]`, `set HOLDER NAME` with four limits, and `unset HOLDER NAME`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    command.set_defaults(verb="list", json=False)
    listed = verbs.add_parser("list", help="everybody's budget, and those that stand in its place")
    listed.add_argument("--json", action="store_true", help="print JSON; so it is where there is no terminal")
    put = verbs.add_parser("set", help="a budget in place of everybody's; a limit that is not named is none")
    for field in FIELDS:
        put.add_argument(f"--{field.replace('_', '-')}", type=float, metavar="DOLLARS")
    unset = verbs.add_parser("unset", help="let everybody's budget stand again")
    for verb in (put, unset):
        verb.add_argument("holder", choices=tuple(HOLDERS))
        verb.add_argument("name", help="the tenant, or the key's id as `sentinel keys` shows it")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; raises CannotStart without Redis and for a budget that cannot be."""
    verb = {"list": _list, "set": _set, "unset": _unset}[given.verb]
    return with_fleet(lambda fleet: verb(fleet, given))


async def _list(fleet: Fleet, given: argparse.Namespace) -> int:
    known = await OwnBudgets(fleet.queues[0]).all()
    rows = {f"every {holder}": settings_budget(fleet.settings, holder) for holder in HOLDERS}
    rows |= {" ".join(holder_of(who)): budget for who, budget in sorted(known.budgets.items())}
    cells = [(whose, *(_told(getattr(budget, field)) for field in FIELDS)) for whose, budget in rows.items()]
    show(rows, COLUMNS, cells, as_json=given.json)
    return 0


async def _set(fleet: Fleet, given: argparse.Namespace) -> int:
    budget = msgspec.convert({field: getattr(given, field) for field in FIELDS}, OwnBudget)
    await fleet.note("set budget", f"{given.holder} {given.name}")
    await OwnBudgets(fleet.queues[0]).put(given.holder, given.name, budget)
    say(f"{given.holder} {given.name} has a budget of its own; every ingress keeps to it within two seconds")
    return 0


async def _unset(fleet: Fleet, given: argparse.Namespace) -> int:
    await fleet.note("remove budget", f"{given.holder} {given.name}")
    await OwnBudgets(fleet.queues[0]).remove(given.holder, given.name)
    say(f"{given.holder} {given.name} has the budget of the settings again")
    return 0


def _told(usd: float | None) -> str:
    return "none" if usd is None else f"{usd:g}"
