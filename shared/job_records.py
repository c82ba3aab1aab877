"""Jobs as they are shown."""

from typing import Literal

from msgspec import Struct

from shared.wire.outcome import Result, decode_result

State = Literal["queued", "in_progress", "completed", "failed", "cancelled"]
TERMINAL: frozenset[str] = frozenset({"completed", "failed", "cancelled"})


class Claim(Struct, frozen=True):
    """One claim of a job: when, in Redis ms, under which fence token, and by whom."""

    at_ms: int
    token: str
    worker: str


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
    key_id: str = ""
    embeds: bool = False
    """Whether its outcome is vectors, or what they are near to, rather than an answer."""
    priority: str = "interactive"
    request_id: str = ""
    ingress_ms: float = 0.0
    """What its ingress did before it was submitted."""
    claims: tuple[Claim, ...] = ()
    """The latest of them, oldest first."""
    twins: int = 0
    """Callers who joined it."""
    retried: str = ""
    """The job that it is another try of."""


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
        key_id=fields.get(b"key_id", b"").decode(),
        embeds=b"embeds" in fields,
        priority=fields.get(b"class", b"interactive").decode(),
        request_id=fields.get(b"request_id", b"").decode(),
        ingress_ms=float(fields.get(b"ingress_ms", 0)),
        claims=_claims(fields.get(b"claims", b"").decode()),
        twins=int(fields.get(b"twins", 0)),
        retried=fields.get(b"retried", fields.get(b"requeued", b"")).decode(),
    )


def read_result(record: Record) -> Result | None:
    """What a job's outcome says, as far as it is an answer's; None without one, and for vectors."""
    if record.outcome is None or (record.embeds and record.state == "completed"):
        return None
    return decode_result(record.outcome)


def _ms(value: bytes | None) -> int | None:
    return int(value) if value else None


def _claims(text: str) -> tuple[Claim, ...]:
    rows = [line.split(" ", 2) for line in text.splitlines()]
    # The oldest line may have been cut.
    return tuple(Claim(int(row[0]), row[1], row[2]) for row in rows if len(row) == 3 and row[0].isdecimal())  # noqa: PLR2004
