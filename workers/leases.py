"""The jobs that this worker holds, and the loop that keeps holding them."""

import asyncio
import logging
import time
from dataclasses import dataclass

from redis.exceptions import RedisError

from shared import metrics
from shared.jobs import Claimed, JobQueue
from shared.redis.keys import PriorityClass

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3


class LeaseLost(Exception):
    """The job is somebody else's now: nothing may be sent or settled for it any more."""


@dataclass(frozen=True, slots=True)
class Held:
    """One job in work: its claim and the task that works on it."""

    claimed: Claimed
    task: "asyncio.Task[None]"


class Leases:
    """Renews all held leases in one script; stops the work on a job whose lease is no longer ours."""

    def __init__(self, jobs: JobQueue, lease_s: float) -> None:
        self._jobs = jobs
        self._lease_s = lease_s
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

    def hold(self, claimed: Claimed, task: "asyncio.Task[None]") -> None:
        """Keep a job's lease alive until its task is done."""
        self._held[claimed.job_id] = Held(claimed, task)
        metrics.active_locks.set(len(self._held))
        task.add_done_callback(lambda _: self._let_go(claimed))

    async def keep(self) -> None:
        """Renew three times per lease, for ever.

        When Redis cannot be reached, the work is stopped just before the leases end, so that nobody else can
        have started it meanwhile.
        """
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS_PER_LEASE)
            started = time.monotonic()
            try:
                await self.renew()
            except (RedisError, OSError) as error:
                logger.warning("leases not renewed", extra={"error": type(error).__name__, "held": len(self)})
                if time.monotonic() + self._lease_s / RENEWALS_PER_LEASE > renewed_at + self._lease_s:
                    self.stop(set(self._held), "lease_unrenewed")
            else:
                renewed_at = started

    async def renew(self) -> None:
        """Renew once; raises RedisError."""
        if not self._held:
            return
        pairs = [(job_id, held.claimed.token) for job_id, held in self._held.items()]
        lost = await self._jobs.renew(pairs, lease_ms=int(self._lease_s * 1000))
        self.stop(lost, "lease_lost")

    def stop(self, job_ids: set[str], reason: str) -> None:
        """Cancel the work on jobs, if they are in work here."""
        for job_id in job_ids & self._held.keys():
            logger.warning("work stopped", extra={"job_id": job_id, "reason": reason})
            self._held[job_id].task.cancel(reason)

    def _let_go(self, claimed: Claimed) -> None:
        held = self._held.get(claimed.job_id)
        # A later claim of the same job may have taken the place already.
        if held is not None and held.claimed.token == claimed.token:
            del self._held[claimed.job_id]
            metrics.active_locks.set(len(self._held))
