"""`sentinel jobs`: find jobs, cancel them, ask again, put one first."""

import argparse
import time
from collections.abc import Sequence
from typing import Literal

from shared.cli.errors import CannotStart
from shared.cli.operating import Fleet, show, with_fleet
from shared.cli.terminal import say
from shared.history import History, Page, Row, Wanted
from shared.job_actions import JobActions
from shared.jobs import JobQueue
from shared.shards import JobShards

FACETS = ("model", "tenant", "hit", "error", "class")
STATES = ("queued", "in_progress", "completed", "failed", "cancelled")
COLUMNS = ("job", "state", "from", "model", "tenant", "waited", "ran", "settled")


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `list`, `cancel ID...`, `retry ID... [--bypass]` and `promote ID...`."""
    verbs = command.add_subparsers(metavar="verb", dest="verb")
    command.set_defaults(verb="list", json=False, state=None, limit=20, after="", **dict.fromkeys(FACETS))
    listed = verbs.add_parser("list", help="the latest settled jobs, or those of a state")
    listed.add_argument("--state", choices=STATES)
    for facet in FACETS:
        listed.add_argument(f"--{facet}", help="only these")
    listed.add_argument("--limit", type=int, choices=range(1, 201), default=20, metavar="N")
    listed.add_argument("--after", default="", help="go on after a page, as its JSON says")
    listed.add_argument("--json", action="store_true", help="print JSON; so it is where there is no terminal")
    for verb, meaning in (
        ("cancel", "end jobs, whoever waits for them"),
        ("retry", "ask the questions of settled jobs again, while they are kept"),
        ("promote", "put waiting jobs before all others"),
    ):
        acting = verbs.add_parser(verb, help=meaning)
        acting.add_argument("ids", nargs="+", help="as `list --json` shows them")
        if verb == "retry":
            acting.add_argument("--bypass", action="store_true", help="do not look into the cache")


def run(given: argparse.Namespace) -> int:
    """Do what was asked; returns 1 when something was not done, raises CannotStart without Redis."""
    return with_fleet(lambda fleet: _list(fleet, given) if given.verb == "list" else _act(fleet, given))


async def _list(fleet: Fleet, given: argparse.Namespace) -> int:
    history = History(fleet.queues)
    facets = {facet: getattr(given, facet) for facet in FACETS}
    if given.state in ("queued", "in_progress"):
        state: Literal["queued", "in_progress"] = given.state
        rows = await history.live(state, _wanted(facets), count=given.limit)
        page = Page(rows=rows, after="", looked_at=len(rows))
    else:
        wanted = _wanted({"state": given.state, **facets})
        page = await history.settled(wanted, after=given.after, count=given.limit)
    show(page, COLUMNS, [cells(row) for row in page.rows], as_json=given.json)
    return 0


async def _act(fleet: Fleet, given: argparse.Namespace) -> int:
    jobs = JobShards([JobQueue(queue) for queue in fleet.queues])
    actions = JobActions(fleet.queues, jobs, fleet.settings)
    left = 0
    for job_id in given.ids:
        await fleet.note(given.verb, job_id)
        said = await _one(actions, given, job_id)
        left += said == "nothing was done"
        say(f"{job_id}  {said}")
    return 1 if left else 0


async def _one(actions: JobActions, given: argparse.Namespace, job_id: str) -> str:
    if given.verb == "retry":
        again = await actions.retry(job_id, bypass=given.bypass)
        return f"{'joined' if again.joined else 'runs again as'} {again.job_id}"
    if given.verb == "cancel":
        return "cancelled" if await actions.cancel(job_id) else "nothing was done"
    if given.verb == "promote":
        return "is next" if await actions.promote(job_id) else "nothing was done"
    raise CannotStart(f"{given.verb!r} is no verb")


def _wanted(facets: dict[str, str | None]) -> Wanted:
    return Wanted(facets=tuple((name, value) for name, value in facets.items() if value))


def cells(row: Row) -> Sequence[str]:
    """One job as a line of a table; the whole id, since it is what other verbs take."""
    settled = time.strftime("%m-%d %H:%M:%S", time.gmtime(row.settled_ms / 1000)) if row.settled_ms else ""
    from_ = {"miss": "provider"}.get(row.hit, row.hit) or row.error
    return (
        *(row.job_id, row.state, from_, row.model, row.tenant),
        *(f"{row.wait_ms} ms" if row.started_ms else "", f"{row.run_ms} ms" if row.run_ms else "", settled),
    )
