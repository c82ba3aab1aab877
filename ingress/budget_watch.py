"""Follows the budgets that tenants and keys have of their own: a change is in force within about a second."""

import asyncio
import contextlib
from collections.abc import Mapping

from shared.errors import RedisUnavailable
from shared.own_budgets import Known, OwnBudget, OwnBudgets

LOOK_EVERY_S = 1.0


class BudgetWatch:
    """All own budgets by holder, as they were last seen; `look` before the first caller, then `run`."""

    def __init__(self, budgets: OwnBudgets) -> None:
        self._budgets = budgets
        self._known = Known()

    @property
    def own(self) -> Mapping[str, OwnBudget]:
        """The budgets as they were last seen."""
        return self._known.budgets

    async def look(self) -> None:
        """Look now; raises RedisUnavailable."""
        self._known = await self._budgets.since(self._known)

    async def run(self) -> None:
        """Look for ever; without Redis those stand that were seen last."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            with contextlib.suppress(RedisUnavailable):
                await self.look()
