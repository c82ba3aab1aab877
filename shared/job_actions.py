"""What operators do to jobs: cancel, try again, put first."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.cancelling import cancelled
from shared.errors import UnknownJob
from shared.fingerprint import flight_id
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script
from shared.settings import Settings
from shared.shards import JobShards, shard_of
from shared.submissions import Submission, polled_by
from shared.wire.job import FUNCTION, Job, decode_job, decode_payload, encode_payload

EVERYBODY = "*"
OPERATOR = polled_by("operator")


class Again(Struct, frozen=True):
    """A job that was started for another try; `joined` when its question was under way already."""

    job_id: str
    joined: bool


class JobActions:
    """The jobs of a fleet; every method raises RedisUnavailable."""

    def __init__(
        self, queues: Sequence[Redis], jobs: JobShards, settings: Settings, *, deadline_s: float | None = None
    ) -> None:
        self._queues = tuple(queues)
        self._jobs = jobs
        self._settings = settings
        self._deadline_s = deadline_s

    async def cancel(self, job_id: str) -> bool:
        """End a job whoever wants it; False when there was nothing to end."""
        why = "An operator cancelled the job."
        ended = await self._jobs.withdraw(
            job_id, EVERYBODY, cancelled(self._settings, job_id, why), stop_running=True
        )
        return ended.verdict == "cancelled"

    async def promote(self, job_id: str) -> bool:
        """Put a waiting job before all others; False when it does not wait."""
        async with self._in_time():
            reply = await script("promote").run(
                self._of(job_id), [keys.queue(), keys.bell("interactive")], [job_id]
            )
        return bool(reply)

    async def question(self, job_id: str) -> Job | None:
        """What a job asks, as long as that is kept; None afterwards."""
        async with self._in_time():
            payload = await self._of(job_id).get(keys.payload(job_id))
        if payload is None:
            return None
        try:
            call = decode_payload(payload)
            return decode_job(call) if call.f == FUNCTION else None
        except msgspec.DecodeError:
            return None

    async def retry(self, job_id: str, *, bypass: bool) -> Again:
        """Ask a job's question again, past the cache when it is to `bypass` it.

        Its key pays. Raises UnknownJob when the question is no longer kept.
        """
        job = await self.question(job_id)
        if job is None:
            raise UnknownJob("The question of this job is no longer kept, so it cannot be asked again.")
        if bypass:
            job = msgspec.structs.replace(job, policy=msgspec.structs.replace(job.policy, read=False))
        job = msgspec.structs.replace(job, request_id=f"retry_{secrets.token_hex(12)}")
        async with self._in_time():
            before = await self._of(job_id).hmget(keys.job(job_id), ["metadata", "replay_ms"])  # type: ignore[misc]
        submitted = await self._jobs.submit(
            self._submission(job, job_id, *before), interest=OPERATOR, for_ms=self._deadline_ms
        )
        if not submitted.job_id:
            raise UnknownJob("The queue takes no more jobs right now.")
        return Again(submitted.job_id, joined=submitted.verdict != "created")

    def _submission(self, job: Job, before: str, metadata: bytes | None, replay: bytes | None) -> Submission:
        record = {
            "tenant": job.tenant,
            "key_id": job.key_id,
            "model": job.completion.model,
            "request_id": job.request_id,
            "metadata": (metadata or b"{}").decode(),
            "retried": before,
        }
        return Submission(
            flight_id=flight_id(job.fingerprint, job.policy),
            fingerprint=job.fingerprint,
            payload=encode_payload(job, int(time.time() * 1000)),
            priority=job.priority,
            deadline_ms=self._deadline_ms,
            depth_max=self._settings.queue_depth_max,
            record=record | ({"replay_ms": replay.decode()} if replay else {}),
        )

    @property
    def _deadline_ms(self) -> int:
        return int(self._settings.job_deadline_s * 1000)

    def _of(self, job_id: str) -> Redis:
        return self._queues[shard_of(job_id, len(self._queues))]

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield
