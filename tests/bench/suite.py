"""`make bench`: every section, or those that are named, into docs/benchmarks.json and its page.

`python -m tests.bench.suite [SECTION ...]`
"""

import datetime as dt
import os
import platform
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from typing import Final

from msgspec import Struct

from tests.bench import front, listeners, lookup, page, queue, replay, rows, search, servers
from tests.bench.rows import Row, Section


class Part(Struct, frozen=True):
    """One section: how it is measured, and what has to be said beside it."""

    title: str
    measure: Callable[[], list[Row]]
    note: str


def measure_queue() -> list[Row]:
    """Our queue beside stock arq, SAQ, taskiq and two bare hops."""
    for contender in queue.CONTENDERS:
        queue.install(contender)
    found: dict[str, list[queue.Figures]] = defaultdict(list)
    for _ in range(queue.ROUNDS):
        for contender in queue.CONTENDERS:
            found[contender.name].append(queue.measure(contender))
    return [
        Row(
            what=name,
            figures={
                "round trip p50 ms": [run.p50_ms for run in runs],
                "round trip p99 ms": [run.p99_ms for run in runs],
                "jobs/s, 1 worker": [run.alone for run in runs],
                f"jobs/s, {queue.FLEET} workers": [run.fleet for run in runs],
                "idle CPU %": [run.idle_cpu for run in runs],
            },
            of={
                "round trip of floor": [
                    run.p50_ms / floor.p50_ms for run, floor in zip(runs, found["floor"], strict=True)
                ]
            },
        )
        for name, runs in found.items()
    ]


PARTS: Final = {
    "ingress": Part(
        "At the door",
        front.measure,
        "One ingress process on a processor of its own; the callers, Redis, the worker and the simulator "
        "(20 ms a call) share the other. The bare handler answers a constant to a GET. "
        "LiteLLM is one process of its proxy with a Redis cache. CPU is that of the process that is asked. "
        "Hits repeat the same request; those with own ids send another X-Request-ID each time. A miss asks "
        "for another section of the same manual, so that guards have to refuse what is near.",
    ),
    "servers": Part("The server", servers.measure, "The bare handler, on a processor of its own."),
    "queue": Part("The queue", measure_queue, "Jobs that do nothing. The floor is two blocking hops."),
    "search": Part("Semantic search", search.measure, search.NOTE),
    "lookup": Part("A look-up by meaning", lookup.measure, lookup.NOTE),
    "streaming": Part(
        "Streams",
        listeners.measure,
        "All listeners ask the same new question at once, as OpenAI's clients do.",
    ),
    "replay": Part(
        "End to end",
        replay.measure,
        "Questions of tests/data/traffic.jsonl with a Zipf popularity, new at their first time. Two workers.",
    ),
}


def machine() -> str:
    """What it was measured on."""
    return (
        f"{os.cpu_count()} processors ({platform.machine()}), Python {platform.python_version()}, "
        f"uvicorn {version('uvicorn')}, Litestar {version('litestar')}"
    )


def main() -> None:
    """Measure, keep, and write the page; each section as soon as it is known."""
    for name in sys.argv[1:] or PARTS:
        part = PARTS[name]
        print(f"{name}: measuring", flush=True)
        measured = part.measure()
        sections = rows.load()
        sections[name] = Section(
            title=part.title,
            command=f"python -m tests.bench.suite {name}",
            measured_on=dt.datetime.now(dt.UTC).date().isoformat(),
            machine=machine(),
            note=part.note,
            rows=measured,
        )
        rows.save(sections)
        for row in measured:
            told = {**row.figures, **row.of}
            line = "  ".join(f"{key} {statistics.median(values):.4g}" for key, values in told.items())
            print(f"{row.load:18}{row.what:24}{line}", flush=True)
    page.write(rows.load())


if __name__ == "__main__":
    main()
