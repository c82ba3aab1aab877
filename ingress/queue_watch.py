"""Keeps the gauges by which a fleet is scaled: every ingress shows the same queues."""

import asyncio
import contextlib
from collections.abc import Sequence

from redis.asyncio import Redis

from shared import metrics
from shared.errors import RedisUnavailable
from shared.load import Load, desired_workers, look, together
from shared.settings import Settings

LOOK_EVERY_S = 1.0


class QueueWatch:
    """Looks at all queues every second; `run` must run."""

    def __init__(self, queues: Sequence[Redis], settings: Settings) -> None:
        self._queues = tuple(queues)
        self._settings = settings
        self.latest: Load | None = None

    async def run(self) -> None:
        """Look for ever; what could not be looked at keeps its last value."""
        while True:
            with contextlib.suppress(RedisUnavailable):
                loads = await asyncio.gather(*map(look, self._queues))
                self.latest = together(loads)
                self._show(self.latest)
                metrics.workers_desired.set(max(map(self._desired, loads)))
            await asyncio.sleep(LOOK_EVERY_S)

    def _show(self, load: Load) -> None:
        metrics.queue_due.set(load.due)
        metrics.queue_oldest_wait.set(load.oldest_wait_ms / 1000)
        metrics.queue_in_work.set(load.in_work)
        metrics.bell_length.labels("interactive").set(load.bell_interactive)
        metrics.bell_length.labels("batch").set(load.bell_batch)
        metrics.workers_alive.set(load.workers)
        metrics.worker_slots.set(load.slots)
        metrics.worker_slots_busy.set(load.busy)

    def _desired(self, load: Load) -> int:
        # A worker has so many slots on each queue: the busiest queue decides.
        return desired_workers(
            load, slots=self._settings.slots, utilisation=self._settings.target_utilisation
        )
