"""`sentinel cache similar`: what is near a stored answer, and what the policy in force says of it."""

import argparse
import asyncio
import time
from typing import Final

from shared.cli.errors import CannotStart
from shared.cli.operating import Fleet, show, with_fleet
from shared.entry_list import EntryList, Listed
from shared.errors import NotFound, QueueFull
from shared.jobs import JobQueue
from shared.shards import JobShards
from shared.similar import DEADLINE_S, given_up, neighbours_in, nobody_answered, submission_of
from shared.submissions import lasts_ms
from shared.wire.similar import Near, Neighbours

COLUMNS: Final = ("entry", "similarity", "match", "hits", "age s", "verdict")
POLL_S: Final = 0.05
INTEREST: Final = "polled:command line"


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare ENTRY, `--tenant` and `--json`."""
    command.add_argument("entry", help="as `sentinel cache list` shows it")
    command.add_argument("--tenant", default="", help="whose it is; another's is not found")
    command.add_argument(
        "--json", action="store_true", help="print JSON; so it is where there is no terminal"
    )


def run(given: argparse.Namespace) -> int:
    """Print an entry's neighbours; raises CannotStart without Redis, the entry, or a worker that answers."""
    return with_fleet(lambda fleet: _similar(fleet, given))


async def _similar(fleet: Fleet, given: argparse.Namespace) -> int:
    entries = EntryList(fleet.cache)
    listed = await entries.one(given.entry)
    if listed is None or given.tenant not in ("", listed.entry.tenant):
        raise NotFound(f"There is no entry {given.entry!r}.")
    found = await _asked(fleet, listed)
    if not found.known:
        raise CannotStart(
            "not known: the entry has no vector of the embedder in use, or is of an older release"
        )
    others = await entries.named([near.entry_id for near in found.near])
    now_ms = time.time() * 1000
    rows = [_facts(near, others[near.entry_id], now_ms) for near in found.near if near.entry_id in others]
    cells = [tuple(map(_cell, row.values())) for row in rows]
    show(rows, COLUMNS, cells, as_json=given.json)
    return 0


async def _asked(fleet: Fleet, listed: Listed) -> Neighbours:
    entry, jobs = listed.entry, JobShards([JobQueue(queue) for queue in fleet.queues])
    submission = submission_of(entry.tenant, entry.id, fleet.settings, request_id="")
    submitted = await jobs.submit(submission, interest=INTEREST, for_ms=lasts_ms(DEADLINE_S))
    if not submitted.job_id:
        raise QueueFull(f"{submitted.ahead} jobs wait, too many for this one.", retry_after_s=1)
    outcome = submitted.outcome
    until = time.monotonic() + DEADLINE_S
    while outcome is None and time.monotonic() < until:
        await asyncio.sleep(POLL_S)
        [outcome] = await jobs.outcomes([submitted.job_id])
    if outcome is None:
        settlement = given_up(fleet.settings, submitted.job_id)
        await jobs.withdraw(submitted.job_id, INTEREST, settlement, stop_running=True)
        raise nobody_answered()
    return neighbours_in(outcome)


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def _facts(near: Near, other: Listed, now_ms: float) -> dict[str, object]:
    return {
        "entry": near.entry_id,
        "similarity": near.similarity,
        "match": near.match,
        "hits": other.hits,
        "age_s": round((now_ms - other.entry.created_at_ms) / 1000),
        "verdict": near.verdict,
    }
