"""A discrete-event simulation of queues in a row: requests, the stations that they pass, who waits where.

A station has so many servers and one queue; a visit takes an exponentially distributed time with a given
mean, as far as it is known to vary, or a fixed one. A pause has room for everybody.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import Struct


class Visit(Struct, frozen=True):
    """One step of a request: at a station, for so long on average; without a station it is a pause."""

    station: str | None
    mean_s: float
    varies: bool = True


Route = Sequence[Visit]


@dataclass
class Station:
    """Servers, and who waits for one."""

    servers: int
    busy: int = 0
    used_s: float = 0.0
    queue: "deque[tuple[float, Callable[[], None]]]" = field(default_factory=deque)


class Outcome(Struct, frozen=True):
    """What a run showed: latencies by kind in seconds, throughput, and how busy each station was (0 to 1)."""

    latencies: dict[str, list[float]]
    per_s: float
    busy: dict[str, float]


class Simulation:
    """One run."""

    def __init__(self, stations: dict[str, int], routes: dict[str, Route], seed: int = 1) -> None:
        self._stations = {name: Station(servers) for name, servers in stations.items()}
        self._routes = routes
        self._random = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._now = 0.0
        self._latencies: dict[str, list[float]] = {kind: [] for kind in routes}

    def open(self, rate_per_s: float, mix: dict[str, float], seconds: float) -> Outcome:
        """Requests come by themselves (Poisson), whatever is waiting; the first fifth is not counted."""
        kinds, weights = list(mix), list(mix.values())
        at = 0.0
        while at < seconds:
            at += self._random.expovariate(rate_per_s)
            kind = self._random.choices(kinds, weights)[0]
            self._at(at, lambda kind=kind, at=at: self._begin(kind, None, counted=at > seconds / 5))  # type: ignore[misc]
        return self._run(seconds)

    def closed(self, callers: int, kind: str, seconds: float) -> Outcome:
        """So many callers, each asking again as soon as it is answered."""
        for _ in range(callers):
            self._begin(kind, seconds, counted=True)
        return self._run(seconds)

    def _begin(self, kind: str, until_s: float | None, *, counted: bool) -> None:
        started = self._now

        def end() -> None:
            if counted:
                self._latencies[kind].append(self._now - started)
            if until_s is not None and self._now < until_s:
                self._begin(kind, until_s, counted=counted)

        self._visit(self._routes[kind], 0, end)

    def _visit(self, route: Route, number: int, end: Callable[[], None]) -> None:
        if number == len(route):
            end()
            return
        visit = route[number]
        takes_s = (
            self._random.expovariate(1 / visit.mean_s) if visit.varies and visit.mean_s else visit.mean_s
        )
        if visit.station is None:
            self._at(self._now + takes_s, lambda: self._visit(route, number + 1, end))
            return
        station = self._stations[visit.station]
        station.queue.append((takes_s, lambda: self._visit(route, number + 1, end)))
        self._serve(station)

    def _serve(self, station: Station) -> None:
        while station.queue and station.busy < station.servers:
            takes_s, then = station.queue.popleft()
            station.busy += 1
            station.used_s += takes_s

            def done(then: Callable[[], None] = then) -> None:
                station.busy -= 1
                then()
                self._serve(station)

            self._at(self._now + takes_s, done)

    def _at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._numbers), what))

    def _run(self, seconds: float) -> Outcome:
        done = 0
        while self._events and self._events[0][0] <= seconds:
            self._now, _, what = heapq.heappop(self._events)
            what()
        done = sum(map(len, self._latencies.values()))
        busy = {
            name: min(1.0, station.used_s / (seconds * station.servers))
            for name, station in self._stations.items()
        }
        return Outcome(self._latencies, done / seconds, busy)
