"""`sentinel status`: is it up, who works, what waits."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from shared.cli import gateway
from shared.cli.terminal import say
from shared.settings.loading import load


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare `--json`."""
    command.add_argument("--json", action="store_true", help="print what /readyz?verbose answers")
    gateway.add_arguments(command)


def run(given: argparse.Namespace) -> int:
    """Print the state as lines, or as JSON where nobody watches; returns 1 unless it can serve."""
    with gateway.gateway(load(), given) as there:
        found = there.readiness()
    if given.json or not sys.stdout.isatty():
        say(msgspec.json.encode(found).decode())
    else:
        say("\n".join(lines(found)))
    return 1 if found.get("status") == "unavailable" else 0


def lines(found: Mapping[str, Any]) -> Iterator[str]:
    """What a person wants to know first, one line each."""
    yield f"status      {found.get('status', 'unknown')}"
    for name, state in (found.get("checks") or {}).items():
        if state != "ok":
            yield f"  {name}: {state}"
    workers = found.get("workers") or ()
    slots, busy = (sum(int(one.get(field, 0)) for one in workers) for field in ("slots", "busy"))
    yield f"workers     {len(workers)}, {busy} of {slots} slots busy"
    for queue in _listed(found.get("queue")):
        yield "queue       " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in queue.items())
    for breaker in found.get("breakers") or ():
        yield f"breaker     {breaker['provider']}: {breaker['phase'].replace('_', ' ')}"
    yield f"in flight   {found.get('in_flight', 0)} requests at this ingress"


def _listed(queue: Any) -> list[dict[str, Any]]:
    if isinstance(queue, dict):
        return [queue]
    return [one for one in queue or () if isinstance(one, dict)]
