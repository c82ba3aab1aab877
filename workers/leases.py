"""The jobs that this worker holds, and the loop that keeps holding them."""

import asyncio
import logging
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from shared import metrics
from shared.claims import Claimed, Retried
from shared.jobs import JobQueue
from shared.redis.keys import PriorityClass

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3
RETRIES_PER_LEASE = 12
"""While Redis is away: each is a chance to keep the work, and the answers that only wait to be settled."""
MARGIN = 0.1
"""The share of a lease that is left when work is stopped: Redis' clock is not ours."""
LOST = frozenset({"lease_lost", "lease_unrenewed"})
"""Reasons to stop work that are no caller's wish."""


class LeaseLost(Exception):
    """The job is somebody else's now: nothing may be sent or settled for it any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """One job in work: its claim and the task that works on it."""

    claimed: Claimed
    task: "asyncio.Task[None]"


class Leases:
    """Renews all held leases in one script; stops the work on a job whose lease is no longer ours."""

    def __init__(self, jobs: JobQueue, worker_id: str, *, lease_s: float, reply_s: float) -> None:
        """`reply_s` is how long the reply to a claim can be under way before it counts as lost."""
        self._jobs = jobs
        self._worker_id = worker_id
        self._lease_s = lease_s
        self._reply_s = reply_s
        self._held: dict[str, Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    @property
    def held(self) -> list[Held]:
        """The jobs in work."""
        return list(self._held.values())

    def held_of(self, priority: PriorityClass) -> int:
        """How many jobs of a class are in work."""
        return sum(held.claimed.priority == priority for held in self._held.values())

    def retried(self, tries_max: int) -> Retried:
        """The jobs in work that others have failed to finish."""
        tries = [held.claimed.tries for held in self._held.values() if 1 < held.claimed.tries <= tries_max]
        return Retried(len(tries), sum(count == tries_max for count in tries))

    def hold(self, claimed: Claimed, task: "asyncio.Task[None]") -> None:
        """Keep a job's lease alive until its task is done; a task that had it under an earlier lease ends."""
        before = self._held.get(claimed.job_id)
        if before is None:
            metrics.active_locks.inc()
        else:
            # Claimed anew before a renewal could tell that it was lost.
            before.task.cancel("lease_lost")
        self._held[claimed.job_id] = Held(claimed, task)
        task.add_done_callback(lambda _: self._let_go(claimed))

    async def keep(self) -> None:
        """Renew three times per lease, for ever; more often while Redis cannot be reached.

        When it stays away, the work is stopped just before the leases end, so that nobody else can have
        started it meanwhile.
        """
        renewed_at = time.monotonic()
        pause_s = self._lease_s / RENEWALS_PER_LEASE
        while True:
            await asyncio.sleep(pause_s)
            started = time.monotonic()
            stop_at = renewed_at + self._lease_s * (1 - MARGIN)
            try:
                # Past that, whatever is held was claimed since.
                async with asyncio.timeout(stop_at - started if stop_at > started else None):
                    await self.renew()
            except (RedisError, OSError) as error:
                logger.warning("leases not renewed", extra={"error": type(error).__name__, "held": len(self)})
                pause_s = self._lease_s / RETRIES_PER_LEASE
                if time.monotonic() + pause_s >= stop_at:
                    self.stop(set(self._held), "lease_unrenewed")
            else:
                renewed_at, pause_s = started, self._lease_s / RENEWALS_PER_LEASE

    async def renew(self) -> None:
        """Renew once, and hand back what was claimed for us in a reply that got lost; raises RedisError."""
        pairs = [(job_id, held.claimed.token) for job_id, held in self._held.items()]
        lost = await self._jobs.renew(
            self._worker_id,
            pairs,
            lease_ms=int(self._lease_s * 1000),
            reply_ms=int(self._reply_s * 1000),
        )
        self.stop(lost, "lease_lost")

    def stop(self, job_ids: set[str], reason: str) -> None:
        """Cancel the work on jobs, if they are in work here."""
        for job_id in job_ids & self._held.keys():
            logger.warning("work stopped", extra={"job_id": job_id, "reason": reason})
            if reason in LOST:
                metrics.leases_lost.labels(reason).inc()
            self._held[job_id].task.cancel(reason)

    def _let_go(self, claimed: Claimed) -> None:
        held = self._held.get(claimed.job_id)
        # A later claim of the same job may have taken the place already.
        if held is not None and held.claimed.token == claimed.token:
            del self._held[claimed.job_id]
            metrics.active_locks.dec()
