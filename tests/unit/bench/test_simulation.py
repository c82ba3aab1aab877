"""The simulation gives what queueing theory says, or nothing it says of fleets is worth reading."""

import statistics

import pytest

from tests.bench.capacity.costs import Cost
from tests.bench.capacity.plan import FULL, Fleet, first_to_break, size
from tests.bench.capacity.simulation import Route, Simulation, Visit

COST = Cost(ingress=50, queue=20, cache=10, worker=0, caller=0, provider=0, others=0, requests_per_s=0)
MISS = Cost(ingress=500, queue=200, cache=50, worker=5_000, caller=0, provider=0, others=0, requests_per_s=0)


def test_one_server_waits_as_long_as_theory_says() -> None:
    """M/M/1: the mean time in the system is 1 / (mu - lambda)."""
    routes: dict[str, Route] = {"hit": [Visit("server", 0.001)]}
    outcome = Simulation({"server": 1}, routes).open(600, {"hit": 1.0}, 200)
    assert statistics.mean(outcome.latencies["hit"]) == pytest.approx(1 / (1000 - 600), rel=0.06)
    assert outcome.busy["server"] == pytest.approx(0.6, rel=0.03)


def test_many_callers_are_served_as_fast_as_the_slowest_station() -> None:
    """A closed loop's throughput is the bottleneck's."""
    routes: dict[str, Route] = {"hit": [Visit("fast", 0.0001), Visit("slow", 0.001, varies=False)]}
    outcome = Simulation({"fast": 1, "slow": 2}, routes).closed(32, "hit", 5)
    assert outcome.per_s == pytest.approx(2_000, rel=0.02)


def test_few_callers_are_as_fast_as_their_route_is_short() -> None:
    """Nobody waits for anybody; a pause has room for all."""
    routes: dict[str, Route] = {
        "miss": [Visit("server", 0.001, varies=False), Visit(None, 0.009, varies=False)]
    }
    outcome = Simulation({"server": 4}, routes).closed(3, "miss", 10)
    assert outcome.per_s == pytest.approx(300, rel=0.01)


def test_a_fleet_is_as_large_as_its_load_and_no_larger() -> None:
    """No part is busier than planned, and with one process less it would be."""
    mix, costs = {"exact": 0.9, "miss": 0.1}, {"exact": COST, "miss": MISS}
    fleet = size(10_000, mix, costs)
    assert fleet.ingresses == 2  # 0.9 * 50 us + 0.1 * 500 us = 95 us: 0.95 busy cores at FULL
    assert fleet.workers == 13  # 1,000 misses of half a second: 500 slots, 64 each, at FULL
    assert first_to_break(fleet, mix, costs)[1] >= 10_000 / FULL * 0.99


def test_what_is_full_first_is_named() -> None:
    """With one of each, the worker: a miss is mostly its work."""
    fleet = Fleet(1, 1, 1, 1)
    assert first_to_break(fleet, {"miss": 1.0}, {"miss": MISS}) == ("slots", 128)
    assert first_to_break(Fleet(1, 1, 1, 9), {"miss": 1.0}, {"miss": MISS})[0] == "slots"
    assert first_to_break(fleet, {"exact": 1.0}, {"exact": COST})[0] == "ingress"
