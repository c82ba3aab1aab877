"""Shadow checks: some hits' questions are sent to the provider as well, to see whether the hit was right.

Nobody waits for such a job: it is a batch job of its own, whose answer is compared and then forgotten. The
money for it is set aside beforehand, so that the fleet together keeps to its budget of the day.
"""

import random
import time
from collections.abc import Callable
from typing import Final

from redis.asyncio import Redis

from shared import metrics
from shared.cache import EntryStore
from shared.fingerprint import flight_id
from shared.jobs import JobQueue
from shared.prices import PICODOLLARS
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script
from shared.settings import Settings
from shared.submissions import Submission, polled_by
from shared.wire.completion import CachePolicy
from shared.wire.entry import Entry
from shared.wire.job import Check, Job, encode_payload
from shared.wire.outcome import Completed, Match, Outcome

CHECK_KEY: Final = "shadow-check"
"""The key under which the ledger books checks: no caller pays from a budget of its key."""
DAY_MS: Final = 86_400_000
MONEY_KEPT_MS: Final = 2 * DAY_MS
ALONE: Final = CachePolicy(read=False, write=False, semantic=False)
"""A check neither takes nor leaves anything in the cache."""


class Checks:
    """Starts checks, and reads what they found."""

    def __init__(
        self,
        home: Redis,
        entries: EntryStore,
        settings: Settings,
        *,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._home = home
        self._entries = entries
        self._settings = settings
        self._draw = draw

    async def consider(self, jobs: JobQueue, job: Job, hit: Match, cost: int | None, now_ms: int) -> None:
        """Check a hit if its turn comes, its price is known and there is money; raises RedisUnavailable.

        `cost` is what the stored answer cost, in picodollars: about what another one will.
        """
        if hit.chance is None or self._draw() >= self._settings.shadow_check_rate:
            return
        if cost is None:
            metrics.shadow_checks.labels("unpriced").inc()
            return
        day = now_ms // DAY_MS
        if not await self._reserve(day, cost):
            metrics.shadow_checks.labels("over_budget").inc()
            return
        check = Check(
            entry_id=hit.entry_id,
            source=hit.source,
            policy=hit.policy,
            chance=hit.chance,
            reserved=cost,
            day=day,
        )
        submitted = await jobs.submit(
            _submission(job, check, self._settings),
            interest=polled_by(CHECK_KEY),
            for_ms=int(self._settings.job_deadline_s * 1000),
        )
        if submitted.verdict == "created":
            metrics.shadow_checks.labels("started").inc()
        else:
            metrics.shadow_checks.labels("busy").inc()
            await self._correct(day, -cost)

    async def finished(self, job: Job, check: Check, outcome: Outcome) -> Entry | None:
        """The entry that a finished check is about; None when there is nothing to compare.

        Raises RedisUnavailable.
        """
        cost = _spent(outcome)
        metrics.shadow_check_cost.inc(cost / PICODOLLARS)
        await self._correct(check.day, cost - check.reserved)
        if not isinstance(outcome, Completed) or outcome.source != "provider":
            metrics.shadow_checks.labels("failed").inc()
            return None
        entry = await self._entries.read(check.entry_id, job.tenant)
        if entry is None or entry.job_id != check.source:
            # Another answer has taken its place: what was served cannot be compared any more.
            metrics.shadow_checks.labels("gone").inc()
            return None
        return entry

    async def _reserve(self, day: int, cost: int) -> bool:
        budget = int(self._settings.shadow_check_budget_usd * PICODOLLARS)
        async with translated():
            reserved = await script("reserve_check").run(
                self._home, [keys.check_money(day)], [cost, budget, MONEY_KEPT_MS]
            )
        return bool(reserved)

    async def _correct(self, day: int, amount: int) -> None:
        async with translated(), self._home.pipeline(transaction=True) as pipe:
            pipe.incrby(keys.check_money(day), amount)
            pipe.pexpire(keys.check_money(day), MONEY_KEPT_MS)
            await pipe.execute()


def _submission(job: Job, check: Check, settings: Settings) -> Submission:
    asked = Job(
        completion=job.completion,
        policy=ALONE,
        tenant=job.tenant,
        fingerprint=job.fingerprint,
        partition=job.partition,
        request_id=job.request_id,
        priority="batch",
        key_id=CHECK_KEY,
        check=check,
    )
    return Submission(
        flight_id=f"{flight_id(job.fingerprint, ALONE)}:check:{check.entry_id}",
        fingerprint=job.fingerprint,
        payload=encode_payload(asked, int(time.time() * 1000)),
        priority="batch",
        deadline_ms=int(settings.job_deadline_s * 1000),
        depth_max=settings.queue_depth_max,
        record={
            "tenant": job.tenant,
            "key_id": CHECK_KEY,
            "model": job.completion.model,
            "request_id": job.request_id,
            "metadata": "{}",
        },
    )


def _spent(outcome: Outcome) -> int:
    """What a check has cost as far as anybody knows."""
    answer = outcome.answer.cost or 0 if isinstance(outcome, Completed) else 0
    return answer + sum(spent.cost or 0 for spent in outcome.spent)
