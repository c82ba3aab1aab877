"""Shows how often semantic hits are wrong, over all tenants, as far as the fleet knows."""

import asyncio
import contextlib

from shared import metrics
from shared.bound_report import totals
from shared.errors import RedisUnavailable
from shared.settings import Settings
from shared.tallies import TallyStore

LOOK_EVERY_S = 5.0


class BoundWatch:
    """Looks at all tallies every few seconds; `run` must run."""

    def __init__(self, store: TallyStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def run(self) -> None:
        """Look for ever; what could not be looked at keeps its last value."""
        while True:
            with contextlib.suppress(RedisUnavailable):
                await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; raises RedisUnavailable."""
        for total in totals(await self._store.all(), self._settings):
            for name in ("wrong", "lower", "upper"):
                metrics.bound_estimate.labels(total.policy, name).set(getattr(total.estimate, name))
            metrics.bound_hit_share.labels(total.policy).set(total.estimate.hit_share)
            metrics.bound_judged.labels(total.policy).set(total.estimate.judged)
            metrics.bound_tenants.labels(total.policy, "serving").set(total.serving)
            metrics.bound_tenants.labels(total.policy, "learning").set(total.learning)
