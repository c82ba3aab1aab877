"""`sentinel cache list`: the stored answers, without what they say."""

import argparse
import time

import msgspec

from shared.cli.operating import Fleet, show, with_fleet
from shared.entry_list import EntryList, Listed

COLUMNS = ("entry", "tenant", "model", "hits", "age s")
LISTED = 50


def run(given: argparse.Namespace) -> int:
    """Print them; raises CannotStart without Redis."""
    return with_fleet(lambda fleet: _list(fleet, given))


async def _list(fleet: Fleet, given: argparse.Namespace) -> int:
    found, _ = await EntryList(fleet.cache).page(given.by, count=LISTED)
    now_ms = time.time() * 1000
    rows = [_facts(listed, now_ms) for listed in found]
    # The job's id begins with the entry's, and would only make lines too long for a terminal.
    cells = [tuple(str(value) for name, value in row.items() if name != "job") for row in rows]
    show(msgspec.to_builtins(rows), COLUMNS, cells, as_json=given.json)
    return 0


def _facts(listed: Listed, now_ms: float) -> dict[str, object]:
    entry = listed.entry
    return {
        "entry": entry.id,
        "tenant": entry.tenant,
        "model": entry.model or entry.answer.model,
        "hits": listed.hits,
        "age_s": round((now_ms - entry.created_at_ms) / 1000),
        "job": entry.job_id,
    }
