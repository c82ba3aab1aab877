"""What hits add to the metrics: counted in plain numbers, handed over ten times a second and at a scrape.

A counter takes a lock, and under `sentinel up` a write to a mapped file: a microsecond or three, five times.
"""

import asyncio
from bisect import bisect_left
from typing import Final

from msgspec import Struct

from shared import metrics
from shared.prices import PICODOLLARS

EVERY_S: Final = 0.1


class _Counted(Struct):
    hits: int
    duration_s: float
    by_bucket: list[int]


class Tally:
    """The hits of one ingress since they were last handed over; `run` must run."""

    def __init__(self) -> None:
        self._by_endpoint: dict[str, _Counted] = {}
        self._saved = 0

    def add(self, endpoint: str, duration_s: float, cost: int) -> None:
        """Count one hit; `cost` is what it saved, in picodollars."""
        counted = self._by_endpoint.get(endpoint)
        if counted is None:
            counted = _Counted(0, 0.0, [0] * (len(metrics.DURATION_BUCKETS) + 1))
            self._by_endpoint[endpoint] = counted
        counted.hits += 1
        counted.duration_s += duration_s
        counted.by_bucket[bisect_left(metrics.DURATION_BUCKETS, duration_s)] += 1
        self._saved += cost

    def hand_over(self) -> None:
        """Add what was counted to the metrics."""
        for endpoint, counted in self._by_endpoint.items():
            metrics.requests.labels(endpoint, "200").inc(counted.hits)
            metrics.cache_hits.labels("exact").inc(counted.hits)
            metrics.shortcuts.inc(counted.hits)
            metrics.request_duration.labels(endpoint).add(counted.duration_s, counted.by_bucket)
        self._by_endpoint.clear()
        if self._saved:
            metrics.saved.labels("exact").inc(self._saved / PICODOLLARS)
            self._saved = 0

    async def run(self) -> None:
        """Hand over for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.hand_over()
