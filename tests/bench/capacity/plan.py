"""How many of everything: routes from unit costs, the measured points again, and then larger fleets; pure."""

import math
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from tests.bench.capacity.costs import Cost
from tests.bench.capacity.simulation import Outcome, Route, Simulation, Visit

US: Final = 1e-6
PROVIDER_S: Final = 0.5
"""A short answer of a fast provider; it costs slots, and next to no processor."""
SIMULATED_PROVIDER_S: Final = 0.02
SLOTS: Final = 64
FULL: Final = 0.65
"""How busy a kind of process may be on average, so that bursts find room."""
MIXES: Final[Mapping[str, Mapping[str, float]]] = {
    "half exact": {"exact": 0.5, "semantic": 0.1, "miss": 0.4},
    "mostly exact": {"exact": 0.8, "semantic": 0.1, "miss": 0.1},
    "nearly all exact, leased": {"leased": 0.97, "semantic": 0.02, "miss": 0.01},
}
VCPU_USD_PER_HOUR: Final = 0.04
"""About what a processor with 4 GB costs by the hour at large clouds; put your own price in."""
CORE_OF: Final = {
    "ingress": "first",
    "queue": "second",
    "cache": "second",
    "worker": "second",
    "slots": "slots",
}
"""Where each ran when the unit costs were measured; callers and the simulator ran on the second too."""


class Fleet(Struct, frozen=True):
    """How many there are of each kind of process; each is one core."""

    ingresses: int
    queues: int
    caches: int
    workers: int

    @property
    def cores(self) -> int:
        """Together."""
        return self.ingresses + self.queues + self.caches + self.workers

    @property
    def stations(self) -> dict[str, int]:
        """As the simulation takes them."""
        return {
            "ingress": self.ingresses,
            "queue": self.queues,
            "cache": self.caches,
            "worker": self.workers,
            "slots": self.workers * SLOTS,
        }


def route(cost: Cost, provider_s: float) -> Route:
    """The stations that a request of this cost passes; what a process does in two parts is halved."""
    found = [Visit("ingress", cost.ingress / 2 * US), Visit("queue", cost.queue / 2 * US)]
    found.append(Visit("cache", cost.cache / 2 * US))
    if cost.worker > 1:
        found += [Visit("worker", cost.worker / 2 * US), Visit("slots", provider_s, varies=False)]
        found.append(Visit("worker", cost.worker / 2 * US))
    found += [Visit("queue", cost.queue / 2 * US), Visit("cache", cost.cache / 2 * US)]
    return [*found, Visit("ingress", cost.ingress / 2 * US)]


def routes(costs: Mapping[str, Cost], provider_s: float) -> dict[str, Route]:
    """By kind; only a miss waits for the provider."""
    return {kind: route(cost, provider_s if kind.startswith("miss") else 0.0) for kind, cost in costs.items()}


def load_of(mix: Mapping[str, float], costs: Mapping[str, Cost], kind: str) -> float:
    """Cores of a kind of process that one request per second keeps busy."""
    busy: dict[str, float] = {name: getattr(costs[name], kind) for name in mix}
    return sum(share * busy[name] for name, share in mix.items()) * US


def size(rate_per_s: float, mix: Mapping[str, float], costs: Mapping[str, Cost]) -> Fleet:
    """The smallest fleet whose every part is busy for no more than FULL of the time."""
    needed = {
        kind: max(1, math.ceil(rate_per_s * load_of(mix, costs, kind) / FULL))
        for kind in ("ingress", "queue", "cache", "worker")
    }
    # A slot is held while the provider answers.
    waiting = rate_per_s * mix.get("miss", 0.0) * PROVIDER_S
    workers = max(needed["worker"], math.ceil(waiting / SLOTS / FULL))
    return Fleet(needed["ingress"], needed["queue"], needed["cache"], workers)


def first_to_break(fleet: Fleet, mix: Mapping[str, float], costs: Mapping[str, Cost]) -> tuple[str, float]:
    """Which kind of process is full first when the rate grows, and at what rate."""
    limits = {
        "ingress": fleet.ingresses / load_of(mix, costs, "ingress"),
        "queue Redis": fleet.queues / load_of(mix, costs, "queue"),
        "cache Redis": fleet.caches / load_of(mix, costs, "cache"),
        "workers": fleet.workers / max(1e-12, load_of(mix, costs, "worker")),
        "slots": fleet.workers * SLOTS / max(1e-12, mix.get("miss", 0.0) * PROVIDER_S),
    }
    name = min(limits, key=lambda kind: limits[kind])
    return name, limits[name]


def simulate(fleet: Fleet, rate_per_s: float, mix: Mapping[str, float], costs: Mapping[str, Cost]) -> Outcome:
    """Run a fleet under a rate, for as long as a hundred thousand requests last."""
    seconds = min(20.0, max(2.0, 100_000 / rate_per_s))
    known = {kind: found for kind, found in routes(costs, PROVIDER_S).items() if kind in mix}
    return Simulation(fleet.stations, known).open(rate_per_s, dict(mix), seconds)


def again(kind: str, cost: Cost, connections: int) -> Outcome:
    """A measured point: so many callers on two processors, less what other work took of them."""
    provider_s = SIMULATED_PROVIDER_S if kind.startswith("miss") else 0.0
    slower = 1 / (1 - cost.others)
    steps = [
        Visit(CORE_OF[visit.station or ""], visit.mean_s, visit.varies)
        if visit.station == "slots"
        else Visit(CORE_OF[visit.station or ""], visit.mean_s * slower)
        for visit in route(cost, provider_s)
    ]
    steps.append(Visit("second", (cost.caller + cost.provider) * slower * US))
    return Simulation({"first": 1, "second": 1, "slots": SLOTS}, {kind: steps}).closed(connections, kind, 3.0)
