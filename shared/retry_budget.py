"""The fleet's allowance of retries: a tenth of the questions sent, so that an outage is not made worse by us.

After Finagle's retry budgets. What questions earn is counted in the process and handed in with its next
withdrawal: a call that goes well costs no round trip, and what a dead process had earned is lost.
"""

import logging

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.redis import keys
from shared.redis.scripts import script
from shared.settings import Settings

logger = logging.getLogger(__name__)


class RetryBudget:
    """One balance for all providers and processes, in the fleet's home Redis."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self._redis = redis
        self._ratio = settings.retry_budget_ratio
        self._start = settings.retry_budget_start
        self._most = settings.retry_budget_max
        self._questions = 0

    def earn(self) -> None:
        """Count a question that is sent for the first time."""
        self._questions += 1

    async def withdraw(self) -> bool:
        """Take out one retry; False when there is none, and without Redis."""
        questions, self._questions = self._questions, 0
        earned = min(self._most, questions * self._ratio)
        try:
            granted, _ = await script("withdraw_retry").run(
                self._redis, [keys.retry_budget()], [earned, self._start, self._most]
            )
        except (RedisError, OSError) as error:
            self._questions += questions
            logger.warning("no retry without redis", extra={"error": type(error).__name__})
            return False
        return bool(granted)
