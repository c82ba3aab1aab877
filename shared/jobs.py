"""The job contract: submit, claim, renew, settle and release, each one atomic script."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.keys import PriorityClass
from shared.redis.scripts import script

State = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})
CLASSES: tuple[PriorityClass, ...] = ("interactive", "batch")


class Submitted(Struct, frozen=True):
    """What submit found or did; `outcome` is there when the flight has just landed."""

    verdict: Literal["landed", "joined", "created", "full"]
    job_id: str
    state: str
    outcome: bytes | None
    now_ms: int
    ahead: int


class Claimed(Struct, frozen=True, kw_only=True):
    """One job under lease; `payload` is None when it outlived its deadline unread."""

    job_id: str
    payload: bytes | None
    token: str
    tries: int
    created_at_ms: int
    deadline_at_ms: int | None


class Settlement(Struct, frozen=True, kw_only=True):
    """Everything that settling a job writes, in one step."""

    state: State
    outcome: bytes
    keep_ms: int
    handoff_ms: int
    commit: bytes
    announcement: bytes


class Submission(Struct, frozen=True, kw_only=True):
    """A job as the ingress hands it in."""

    flight_id: str
    fingerprint: str
    payload: bytes
    priority: PriorityClass
    deadline_ms: int
    depth_max: int
    record: dict[str, str]


class Record(Struct, frozen=True, kw_only=True):
    """A job as it is shown, with its outcome once it has one."""

    job_id: str
    state: str
    tenant: str
    model: str
    created_at_ms: int
    started_at_ms: int | None
    completed_at_ms: int | None
    attempts: int
    metadata: bytes
    outcome: bytes | None


class JobQueue:
    """The jobs of one queue Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def submit(self, job: Submission, *, inbox: str, wait_ms: int) -> Submitted:
        """Start or join a flight; `inbox` is told when it lands. Raises RedisUnavailable."""
        fields = [part for pair in job.record.items() for part in pair]
        async with translated():
            verdict, job_id, state, outcome, now, ahead = await script("submit").run(
                self._redis,
                [keys.flight(job.flight_id), keys.queue(), keys.bell(job.priority)],
                [job.fingerprint, job.payload, inbox, wait_ms, job.deadline_ms, job.depth_max, *fields],
            )
        return Submitted(verdict.decode(), job_id.decode(), state.decode(), outcome, int(now), int(ahead))

    async def claim(
        self, worker_id: str, *, lease_ms: int, count: int, ids: Sequence[bytes] = (), scan: bool = False
    ) -> tuple[int, list[Claimed]]:
        """Take up to `count` jobs; returns Redis time in ms and what was claimed."""
        now, *rows = await script("claim").run(
            self._redis,
            [keys.queue(), keys.fence(), *(keys.bell(c) for c in CLASSES)],
            [worker_id, lease_ms, count, "1" if scan else "0", *ids],
        )
        return int(now), [_claimed(row) for row in rows]

    async def renew(self, held: Sequence[tuple[str, str]], *, lease_ms: int) -> set[str]:
        """Extend the leases of (id, token) pairs; returns the ids that are no longer ours."""
        arguments = [part for pair in held for part in pair]
        lost = await script("renew").run(self._redis, [keys.queue()], [lease_ms, *arguments])
        return {job_id.decode() for job_id in lost}

    async def settle(self, job_id: str, token: str, settlement: Settlement) -> bool:
        """Commit an outcome once; False when the token is no longer the current one."""
        return bool(
            await script("settle").run(
                self._redis,
                [keys.queue(), keys.outbox()],
                [
                    job_id,
                    token,
                    settlement.state,
                    settlement.outcome,
                    settlement.keep_ms,
                    settlement.handoff_ms,
                    settlement.commit,
                    settlement.announcement,
                ],
            )
        )

    async def release(self, job_id: str, token: str, priority: PriorityClass) -> bool:
        """Hand a job back unfinished and uncounted; False when it was no longer ours."""
        return bool(
            await script("release").run(self._redis, [keys.queue(), keys.bell(priority)], [job_id, token])
        )

    async def outcomes(self, job_ids: Sequence[str]) -> list[bytes | None]:
        """Read the outcomes of jobs that have settled, None for the others. Raises RedisUnavailable."""
        async with translated():
            found: list[bytes | None] = await self._redis.mget([keys.outcome(job_id) for job_id in job_ids])
        return found


def read_record(job_id: str, fields: dict[bytes, bytes], outcome: bytes | None) -> Record | None:
    """Read a job's hash as Redis returns it; None when there is no such job."""
    if b"state" not in fields:
        return None
    return Record(
        job_id=job_id,
        state=fields[b"state"].decode(),
        tenant=fields.get(b"tenant", b"").decode(),
        model=fields.get(b"model", b"").decode(),
        created_at_ms=int(fields[b"created_at"]),
        started_at_ms=_ms(fields.get(b"started_at")),
        completed_at_ms=_ms(fields.get(b"completed_at")),
        attempts=int(fields.get(b"attempts", 0)),
        metadata=fields.get(b"metadata", b"{}"),
        outcome=outcome,
    )


def _claimed(row: list[bytes | None]) -> Claimed:
    job_id, payload, token, tries, created_at, deadline_at = row
    return Claimed(
        job_id=(job_id or b"").decode(),
        payload=payload,
        token=(token or b"").decode(),
        tries=int(tries or 1),
        created_at_ms=int(float(created_at or 0)),
        deadline_at_ms=_ms(deadline_at),
    )


def _ms(value: bytes | None) -> int | None:
    return int(value) if value else None
