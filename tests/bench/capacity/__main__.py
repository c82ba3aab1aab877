"""`make capacity`: docs/CAPACITY.md from docs/capacity.json, by simulation.

`python -m tests.bench.capacity`; with `--measure` the unit costs are measured again first.
"""

import statistics
import sys
from collections.abc import Iterator, Mapping
from typing import Final

from tests.bench.capacity import costs as unit_costs, plan
from tests.bench.capacity.costs import CONNECTIONS, KINDS, Cost
from tests.bench.rows import shown
from tests.support.stack import ROOT

PAGE: Final = ROOT / "docs" / "CAPACITY.md"
RATES: Final = (1_000, 10_000, 100_000)
INTRODUCTION: Final = """# Capacity

How many processes how many requests take. `make capacity` writes this page from
[capacity.json](capacity.json), the processor time of one request in each kind of process, which
`.venv/bin/python -m tests.bench.capacity --measure` measures anew. A discrete-event simulation
(`tests/bench/capacity/`) first has to give the measured points again; only then is it asked about fleets
that nobody here can run. A provider takes {provider_ms:.0f} ms, a worker has {slots} slots, no kind of
process is planned busier than {full:.0%}, and a core is counted at ${price} an hour; `plan.py` has them.
"""
LIMITS: Final = """
## What this does not know

- Networks: everything was measured on one machine, over loopback and Unix sockets. TLS and a proxy come
  on top.
- Memory: answers and vectors. A worker holds the vectors of its partitions (1.7 GB for a million of 384
  numbers); more than that wants `SENTINEL_INDEX=redis`.
- One API key's bucket is one key on one Redis. With `SENTINEL_HIT_LEASE_S` a busy key asks it seldom;
  without it, what belongs to callers (limits, breakers) is bound by one core of the first queue Redis,
  however many shards there are. Plan the queue column beyond 1 with leases, or with several
  installations.
- A cache of several nodes: entries of a tenant and its purge marks have to be on one server today, so
  more than one cache node means tenants spread over installations.
- Exact hits come out 1.4 times as fast as they were measured: ingress and Redis are equally busy then, and
  wait for one another in turns. Where all are hits and nothing is leased, plan a third more ingresses.
- Longer answers: costs were measured with short ones.
"""


def main() -> None:
    """Write the page."""
    if "--measure" in sys.argv:
        unit_costs.main()
    PAGE.write_text("\n".join(_page(unit_costs.load())), "utf-8")


def _page(costs: Mapping[str, Cost]) -> Iterator[str]:
    yield INTRODUCTION.format(
        provider_ms=plan.PROVIDER_S * 1000, slots=plan.SLOTS, full=plan.FULL, price=plan.VCPU_USD_PER_HOUR
    )
    yield "## What one request costs\n"
    yield "Microseconds of a processor.\n"
    yield "| | ingress | queue Redis | cache Redis | worker |\n|---|---|---|---|---|"
    for kind in KINDS:
        cost = costs[kind]
        told = (cost.ingress, cost.queue, cost.cache, cost.worker)
        yield f"| {kind} | " + " | ".join(shown(value) for value in told) + " |"
    yield "\n## The measured points again\n"
    yield (
        f"Requests per second by {CONNECTIONS} callers. The ingress has one processor, everything else the "
        "other; what other work took of the machine meanwhile is taken off the simulated ones, too.\n"
    )
    yield "| | measured | simulated | ratio | other work |\n|---|---|---|---|---|"
    for kind in KINDS:
        simulated = plan.again(kind, costs[kind], CONNECTIONS).per_s
        measured = costs[kind].requests_per_s
        ratio = f"{simulated / measured:.2f} | {costs[kind].others:.0%}"
        yield f"| {kind} | {measured:,.0f} | {simulated:,.0f} | {ratio} |"
    yield "\n## Fleets\n"
    yield (
        "Processes, each one core, and what the simulation says of them: the 99th percentile of exact hits, "
        "and of misses beyond the provider.\n"
    )
    yield (
        "| mix | requests/s | ingresses | queue Redis | cache Redis | workers | cores | $/hour | "
        "$ per million | full first, at | p99 hit | p99 miss beyond |\n|" + "---|" * 12
    )
    for name, mix in plan.MIXES.items():
        for rate in RATES:
            yield _fleet(name, mix, rate, costs)
    yield LIMITS


def _fleet(name: str, mix: Mapping[str, float], rate: int, costs: Mapping[str, Cost]) -> str:
    fleet = plan.size(rate, mix, costs)
    first, at = plan.first_to_break(fleet, mix, costs)
    found = plan.simulate(fleet, rate, mix, costs).latencies
    hit = _p99_ms(found.get("exact") or found["leased"])
    miss = _p99_ms(found["miss"]) - plan.PROVIDER_S * 1000
    usd = fleet.cores * plan.VCPU_USD_PER_HOUR
    counts = (rate, fleet.ingresses, fleet.queues, fleet.caches, fleet.workers, fleet.cores)
    return (
        f"| {name} | " + " | ".join(f"{count:,}" for count in counts) + f" | {usd:,.2f} "
        f"| {usd / 3600 / rate * 1e6:.3f} | {first}, {at:,.0f}/s | {hit:.2f} ms | {miss:.0f} ms |"
    )


def _p99_ms(latencies: list[float]) -> float:
    return statistics.quantiles(latencies, n=100)[98] * 1000 if len(latencies) > 1 else 0.0


if __name__ == "__main__":
    main()
