"""The job contract: submit, claim, renew, settle and release, each one atomic script."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.keys import PriorityClass
from shared.redis.scripts import Argument, script

State = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
POLLED = "polled:"
"""Interest of a key that was given the job's id, followed by the key's id."""
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})
CLASSES: tuple[PriorityClass, ...] = ("interactive", "batch")


class Submitted(Struct, frozen=True):
    """What submit found or did; `outcome` is there when the flight has just landed."""

    verdict: Literal["landed", "joined", "created", "full", "late"]
    job_id: str
    state: str
    outcome: bytes | None
    now_ms: int
    ahead: int
    wait_ms: int


class Claimed(Struct, frozen=True, kw_only=True):
    """One job under lease; `payload` is None when it outlived its deadline unread.

    `doubts` counts the attempts that ended after the question was sent and before anything was settled, and
    `doubted` says that this claim has found one more. `wanted` is false when nobody waits for it any more.
    """

    job_id: str
    payload: bytes | None
    token: str
    tries: int
    created_at_ms: int
    deadline_at_ms: int | None
    priority: PriorityClass = "interactive"
    doubts: int = 0
    doubted: bool = False
    wanted: bool = True


Released = Literal["not_ours", "handed_back", "handed_back_in_doubt"]
RELEASED: tuple[Released, ...] = ("not_ours", "handed_back", "handed_back_in_doubt")


class Settlement(Struct, frozen=True, kw_only=True):
    """Everything that settling a job writes, in one step."""

    state: State
    outcome: bytes
    keep_ms: int
    handoff_ms: int
    commit: bytes
    announcement: bytes
    given_up: str = ""
    """Why the job goes to the dead letters; empty when it does not."""


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
    doubts: int
    metadata: bytes
    outcome: bytes | None


class Withdrawal(Struct, frozen=True):
    """What became of a job when one caller's interest in it ended."""

    verdict: Literal["wanted", "cancelled", "settled", "unknown"]
    state: str


class JobQueue:
    """The jobs of one queue Redis."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def submit(self, job: Submission, *, interest: str, for_ms: int) -> Submitted:
        """Start or join a flight. Raises RedisUnavailable.

        `interest` is an inbox, which is told when the flight lands, or `polled:` and a key's id.
        """
        fields = [part for pair in job.record.items() for part in pair]
        async with translated():
            verdict, job_id, state, outcome, now, ahead, wait_ms = await script("submit").run(
                self._redis,
                [keys.flight(job.flight_id), keys.queue(), keys.bell(job.priority), keys.throughput()],
                [
                    *(job.fingerprint, job.payload, interest, for_ms, job.deadline_ms, job.depth_max),
                    *(job.priority, *fields),
                ],
            )
        return Submitted(
            verdict.decode(), job_id.decode(), state.decode(), outcome, int(now), int(ahead), int(wait_ms)
        )

    async def attach(self, job_id: str, inbox: str, *, for_ms: int) -> None:
        """Let an inbox be told when a job settles that was submitted by another. Raises RedisUnavailable."""
        async with translated():
            await script("attach").run(self._redis, [], [job_id, inbox, for_ms])

    async def withdraw(
        self, job_id: str, interest: str, cancelled: Settlement, *, instead: str = "", stop_running: bool
    ) -> Withdrawal:
        """End one caller's interest, or replace it; settles the job as cancelled when nobody else has any.

        Raises RedisUnavailable.
        """
        arguments: list[Argument] = [
            *(job_id, interest, instead, "1" if stop_running else "0"),
            *(cancelled.outcome, cancelled.keep_ms, cancelled.announcement),
        ]
        async with translated():
            verdict, state = await script("withdraw").run(self._redis, [keys.queue()], arguments)
        return Withdrawal(verdict.decode(), state.decode())

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
    ) -> tuple[int, list[Claimed]]:
        """Take up to `count` jobs from some bells; returns Redis time in ms and what was claimed.

        `scan` looks first for due jobs that no bell announced, of which `scan_batch` may be batch jobs.
        """
        now, *rows = await script("claim").run(
            self._redis,
            [keys.queue(), keys.fence(), keys.held(worker_id), *(keys.bell(c) for c in bells)],
            [worker_id, lease_ms, count, max(0, scan_batch) if scan else "", *ids],
        )
        return int(now), [_claimed(row) for row in rows]

    async def renew(self, held: Sequence[tuple[str, str]], *, lease_ms: int) -> set[str]:
        """Extend the leases of (id, token) pairs; returns the ids that are no longer ours."""
        arguments = [part for pair in held for part in pair]
        lost = await script("renew").run(self._redis, [keys.queue()], [lease_ms, *arguments])
        return {job_id.decode() for job_id in lost}

    async def mark_sent(self, job_id: str, token: str) -> bool:
        """Note that the question is about to be sent; False when the job is no longer ours to send."""
        return bool(await script("mark_sent").run(self._redis, [], [job_id, token]))

    async def settle(
        self,
        worker_id: str,
        job_id: str,
        token: str,
        settlement: Settlement,
        *,
        dead_letters_max: int = 10_000,
    ) -> bool:
        """Commit an outcome once; False when the token is no longer the current one."""
        places = [keys.queue(), keys.outbox(), keys.dead_letters(), keys.held(worker_id)]
        arguments: list[Argument] = [
            *(job_id, token, settlement.state, settlement.outcome, settlement.keep_ms),
            *(settlement.handoff_ms, settlement.commit, settlement.announcement),
            *(settlement.given_up, dead_letters_max),
        ]
        return bool(await script("settle").run(self._redis, places, arguments))

    async def release(self, worker_id: str, claimed: Claimed) -> Released:
        """Hand a job back, unfinished and uncounted."""
        places = [keys.queue(), keys.bell(claimed.priority), keys.held(worker_id)]
        code = await script("release").run(self._redis, places, [claimed.job_id, claimed.token])
        return RELEASED[int(code)]

    async def reap(self, worker_id: str) -> list[str]:
        """Take back whatever a dead worker held; returns the ids."""
        places = [keys.queue(), keys.held(worker_id), keys.bell("interactive"), keys.bell("batch")]
        taken = await script("reap").run(self._redis, places, [worker_id])
        return [job_id.decode() for job_id in taken]

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
        doubts=int(fields.get(b"doubts", 0)),
        metadata=fields.get(b"metadata", b"{}"),
        outcome=outcome,
    )


def _claimed(row: list[bytes | None]) -> Claimed:
    job_id, payload, token, tries, created_at, deadline_at, priority, doubts, doubted, wanted = row
    return Claimed(
        job_id=(job_id or b"").decode(),
        payload=payload,
        token=(token or b"").decode(),
        tries=int(tries or 1),
        created_at_ms=int(float(created_at or 0)),
        deadline_at_ms=_ms(deadline_at),
        priority="batch" if priority == b"batch" else "interactive",
        doubts=int(doubts or 0),
        doubted=bool(doubted),
        wanted=bool(wanted),
    )


def _ms(value: bytes | None) -> int | None:
    return int(value) if value else None
