"""The score that a bound on wrong hits asks for, tenant by tenant, as the fleet has learned it."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from shared import metrics
from shared.error_bound import Tally, bounded
from shared.tallies import TallyStore

logger = logging.getLogger(__name__)

RECHECK_S: Final = 1.0
"""How old a tally may be that a hit is decided by: what one worker learns, all keep to within it."""
REMEMBERED_TENANTS: Final = 1_000


class Bounds:
    """What is needed of a proposal, under the settings' bound or a caller's stricter one."""

    def __init__(
        self,
        store: TallyStore,
        policy: str,
        *,
        most_wrong: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`most_wrong` is the settings' bound; None leaves the policy's own threshold in force."""
        self.policy = policy
        self._store = store
        self._most_wrong = most_wrong
        self._clock = clock
        self._read: OrderedDict[str, tuple[float, tuple[Tally, ...]]] = OrderedDict()
        self._needed: dict[str, float] = {}

    def most_wrong(self, asked: float | None) -> float | None:
        """The bound in force for a caller: its own where that is stricter."""
        given = [bound for bound in (self._most_wrong, asked) if bound is not None]
        return min(given, default=None)

    async def needed(self, tenant: str, asked: float | None) -> float | None:
        """The least score of a hit; above 1 nothing hits. None: no bound. Raises RedisUnavailable."""
        most_wrong = self.most_wrong(asked)
        if most_wrong is None:
            return None
        needed = bounded(await self._known(tenant), most_wrong).threshold
        if most_wrong == self._most_wrong:
            self._note(tenant, needed)
        return needed

    async def _known(self, tenant: str) -> tuple[Tally, ...]:
        now = self._clock()
        read_at, tallies = self._read.pop(tenant, (now - RECHECK_S, ()))
        if now - read_at >= RECHECK_S:
            read_at, tallies = now, await self._store.read(tenant, self.policy)
        self._read[tenant] = read_at, tallies
        if len(self._read) > REMEMBERED_TENANTS:
            forgotten, _ = self._read.popitem(last=False)
            self._needed.pop(forgotten, None)
        return tallies

    def _note(self, tenant: str, needed: float) -> None:
        """Tell when the policy tightens, or opens again."""
        before = self._needed.get(tenant)
        self._needed[tenant] = needed
        if before is None or before == needed:
            return
        change = "tightened" if needed > before else "loosened"
        metrics.bound_changes.labels(self.policy, change).inc()
        logger.info("policy %s", change, extra={"policy": self.policy, "needed": needed, "before": before})
