"""Several queue Redis servers for one fleet: which of them a job lives on, and one queue made of them all.

A question's fingerprint decides, so that twins meet on one server and a job's id tells where it is. The first
server is home: what belongs to a caller and not to a job (limits, breakers, pacing) is there.
"""

import asyncio
import zlib
from collections.abc import Sequence

from shared.job_records import Record
from shared.jobs import JobQueue
from shared.settlements import Settlement
from shared.submissions import Submission, Submitted, Withdrawal


def shard_of(job_id: str, shards: int) -> int:
    """The number of the server on which a job lives, 0 to `shards` - 1; a fingerprint will do for an id."""
    return zlib.crc32(job_id.partition(".")[0].encode()) % shards


class JobShards:
    """The jobs of a fleet as an ingress sees them, on one queue Redis or on many."""

    def __init__(self, shards: Sequence[JobQueue]) -> None:
        """Raises ValueError without any."""
        if not shards:
            raise ValueError("a fleet has at least one queue")
        self._shards = tuple(shards)

    def __len__(self) -> int:
        """How many servers there are."""
        return len(self._shards)

    async def submit(self, job: Submission, *, interest: str, for_ms: int) -> Submitted:
        """Start or join a flight. Raises RedisUnavailable."""
        return await self._of(job.fingerprint).submit(job, interest=interest, for_ms=for_ms)

    async def attach(self, job_id: str, inbox: str, *, interest: str, for_ms: int) -> str:
        """Let an inbox be told when a job settles; returns its state. Raises RedisUnavailable."""
        return await self._of(job_id).attach(job_id, inbox, interest=interest, for_ms=for_ms)

    async def withdraw(
        self, job_id: str, interest: str, cancelled: Settlement, *, instead: str = "", stop_running: bool
    ) -> Withdrawal:
        """End one caller's interest, or replace it. Raises RedisUnavailable."""
        return await self._of(job_id).withdraw(
            job_id, interest, cancelled, instead=instead, stop_running=stop_running
        )

    async def read(self, job_id: str) -> Record | None:
        """Read a job with its outcome; None when there is none. Raises RedisUnavailable."""
        return await self._of(job_id).read(job_id)

    async def give_feedback(self, job_id: str, said: str) -> str | None:
        """Note what is said of an answer; None for a job without one. Raises RedisUnavailable."""
        return await self._of(job_id).give_feedback(job_id, said)

    async def outcomes(self, job_ids: Sequence[str]) -> list[bytes | None]:
        """Read the outcomes of jobs that have settled, None for the others. Raises RedisUnavailable."""
        by_shard: dict[int, list[str]] = {}
        for job_id in job_ids:
            by_shard.setdefault(shard_of(job_id, len(self._shards)), []).append(job_id)
        read = await asyncio.gather(*(self._shards[n].outcomes(ids) for n, ids in by_shard.items()))
        found = {
            job_id: outcome
            for ids, outcomes in zip(by_shard.values(), read, strict=True)
            for job_id, outcome in zip(ids, outcomes, strict=True)
        }
        return [found[job_id] for job_id in job_ids]

    def _of(self, job_id: str) -> JobQueue:
        return self._shards[shard_of(job_id, len(self._shards))]
