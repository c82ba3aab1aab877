"""The job contract: submit, claim, renew, settle and release, each one atomic script."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from shared.claims import NONE_RETRIED, RELEASED, Claimed, Released, Retried, read_claim
from shared.job_records import Record, read_record
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.keys import PriorityClass
from shared.redis.scripts import Argument, script
from shared.settlements import Settled, Settlement, Settling, settle_arguments
from shared.submissions import CLASSES, Submission, Submitted, Withdrawal


class JobQueue:
    """The jobs of one queue Redis."""

    def __init__(self, redis: Redis, *, deadline_s: float | None = None) -> None:
        """`deadline_s` bounds what a caller waits for, from the wait for a connection to the reply."""
        self._redis = redis
        self._deadline_s = deadline_s

    async def submit(self, job: Submission, *, interest: str, for_ms: int) -> Submitted:
        """Start or join a flight. Raises RedisUnavailable.

        `interest` is a caller at an inbox, which is told when the flight lands, or `polled:` and a key's id.
        """
        fields = [part for pair in job.record.items() for part in pair]
        async with self._in_time():
            verdict, job_id, state, outcome, now, ahead, wait_ms, used = await script("submit").run(
                self._redis,
                [
                    *(keys.flight(job.flight_id), keys.queue(), keys.bell(job.priority)),
                    *(keys.throughput(), keys.bell("batch")),
                ],
                [
                    *(job.fingerprint, job.payload, interest, for_ms, job.deadline_ms, job.depth_max),
                    *(job.priority, job.reservation.cost, len(job.reservation.budgets)),
                    *(job.tenant_window, *job.quota.arguments(), *job.reservation.arguments(), *fields),
                ],
            )
        return Submitted(
            verdict.decode(),
            job_id.decode(),
            state.decode(),
            outcome,
            int(now),
            int(ahead),
            int(wait_ms),
            tuple(map(int, used)),
        )

    async def attach(self, job_id: str, inbox: str, *, interest: str, for_ms: int) -> str:
        """Let an inbox be told when a job settles that somebody has the id of. Raises RedisUnavailable.

        Returns the job's state, empty when there is no such job: what has settled announces nothing any more.
        """
        async with self._in_time():
            state = await script("attach").run(self._redis, [], [job_id, inbox, interest, for_ms])
        return (state or b"").decode()

    async def withdraw(
        self, job_id: str, interest: str, cancelled: Settlement, *, instead: str = "", stop_running: bool
    ) -> Withdrawal:
        """End one caller's interest, or replace it; settles the job as cancelled when nobody else has any.

        Raises RedisUnavailable.
        """
        arguments: list[Argument] = [
            *(job_id, interest, instead, "1" if stop_running else "0"),
            *(cancelled.outcome, cancelled.keep_ms, cancelled.announcement),
            *(cancelled.error, cancelled.history_jobs),
        ]
        async with self._in_time():
            verdict, state = await script("withdraw").run(self._redis, [keys.queue()], arguments)
        return Withdrawal(verdict.decode(), state.decode())

    async def give_feedback(self, job_id: str, said: str) -> str | None:
        """Note what is said of an answer and tell what was said before; None for a job without an answer.

        A wrong answer is handed out no more by its flight. Raises RedisUnavailable.
        """
        async with self._in_time():
            before = await script("give_feedback").run(self._redis, [keys.job(job_id)], [job_id, said])
        return None if before is None else before.decode()

    async def claim(
        self,
        worker_id: str,
        *,
        lease_ms: int,
        count: int,
        bells: Sequence[PriorityClass] = CLASSES,
        ids: Sequence[bytes] = (),
        scan: bool = False,
        scan_batch: int = 1_000_000,
        tries_max: int = 3,
        retried: Retried = NONE_RETRIED,
    ) -> tuple[int, list[Claimed]]:
        """Take up to `count` jobs from some bells; returns Redis time in ms and what was claimed.

        `scan` looks first for due jobs that no bell announced, of which `scan_batch` may be batch jobs. A job
        on the last of its `tries_max` is only claimed apart from others that were retried.
        """
        places = [keys.queue(), keys.fence(), keys.held(worker_id), *(keys.bell(c) for c in bells)]
        arguments: list[Argument] = [worker_id, lease_ms, count, max(0, scan_batch) if scan else ""]
        arguments += [tries_max, retried.jobs, retried.last_tries, *ids]
        now, *rows = await script("claim").run(self._redis, places, arguments)
        return int(now), [read_claim(row) for row in rows]

    async def renew(
        self, worker_id: str, held: Sequence[tuple[str, str]], *, lease_ms: int, reply_ms: int = 1000
    ) -> set[str]:
        """Extend the leases of (id, token) pairs; returns the ids that are no longer ours.

        What else this worker was given more than `reply_ms` ago, in a reply that got lost, is handed back.
        """
        places = [keys.queue(), keys.held(worker_id), keys.bell("interactive"), keys.bell("batch")]
        arguments = [part for pair in held for part in pair]
        lost = await script("renew").run(self._redis, places, [worker_id, lease_ms, reply_ms, *arguments])
        return {job_id.decode() for job_id in lost}

    async def mark_sent(self, job_id: str, token: str, *, calls: int = 1) -> bool:
        """Note that the question is about to be sent; False when the job is no longer ours to send.

        `calls` counts those of this attempt, the coming one included, whose bill only its holder knows.
        """
        return bool(await script("mark_sent").run(self._redis, [], [job_id, token, calls]))

    async def settle(self, worker_id: str, job_id: str, token: str, settlement: Settlement) -> Settled:
        """Commit one outcome once; raises RedisError."""
        [found] = await self.settle_all(worker_id, [Settling(job_id, token, settlement)])
        if isinstance(found, Exception):
            raise found
        return found

    async def settle_all(
        self,
        worker_id: str,
        batch: Sequence[Settling],
        *,
        dead_letters_max: int = 10_000,
        outbox_max: int = 100_000,
    ) -> list[Settled | Exception]:
        """Commit each outcome once, in one round trip; refused when a token is no longer the current one.

        What one of them was refused with is in its place; raises RedisError when none may have arrived.
        """
        places = [keys.queue(), keys.outbox(), keys.dead_letters(), keys.held(worker_id)]
        calls = [(places, settle_arguments(one, dead_letters_max, outbox_max)) for one in batch]
        replies = await script("settle").run_all(self._redis, calls)
        return [reply if isinstance(reply, Exception) else Settled(int(reply)) for reply in replies]

    async def release(self, worker_id: str, claimed: Claimed, *, later_ms: int | None = None) -> Released:
        """Hand a job back, unfinished and uncounted: at once, or for a scan in `later_ms` from now."""
        places = [keys.queue(), keys.bell(claimed.priority), keys.held(worker_id)]
        arguments: list[Argument] = [claimed.job_id, claimed.token, "" if later_ms is None else later_ms]
        return RELEASED[int(await script("release").run(self._redis, places, arguments))]

    async def reap(self, worker_id: str) -> list[str]:
        """Take back whatever a dead worker held; returns the ids."""
        places = [keys.queue(), keys.held(worker_id), keys.bell("interactive"), keys.bell("batch")]
        taken = await script("reap").run(self._redis, places, [worker_id])
        return [job_id.decode() for job_id in taken]

    async def read(self, job_id: str) -> Record | None:
        """Read a job with its outcome; None when there is none. Raises RedisUnavailable."""
        async with self._in_time(), self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(keys.job(job_id))
            pipe.get(keys.outcome(job_id))
            fields, outcome = await pipe.execute()
        return read_record(job_id, fields, outcome)

    async def outcomes(self, job_ids: Sequence[str]) -> list[bytes | None]:
        """Read the outcomes of jobs that have settled, None for the others. Raises RedisUnavailable."""
        async with self._in_time():
            found: list[bytes | None] = await self._redis.mget([keys.outcome(job_id) for job_id in job_ids])
        return found

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        async with translated(), asyncio.timeout(self._deadline_s):
            yield
