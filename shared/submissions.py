"""Jobs as the ingress hands them in, and what it is told."""

from typing import Literal

from msgspec import Struct

from shared.budgets import Reservation
from shared.redis.keys import PriorityClass

CLASSES: tuple[PriorityClass, ...] = ("interactive", "batch")
NOTHING_RESERVED = Reservation()


LINGER_MS = 2_000
"""As long as the longest command to Redis; what a crashed ingress' callers wanted lasts so much longer."""


def polled_by(key_id: str) -> str:
    """The interest of a key that was given a job's id: one, however many of its callers poll."""
    return f"polled:{key_id}"


def lasts_ms(wait_s: float) -> int:
    """For how long a caller who waits is interested: past its wait, until its ingress says what comes next.

    Ending with the wait, the interest would be gone for a moment, and a worker that looks then drops the job.
    """
    return int(wait_s * 1000) + LINGER_MS


class Quota(Struct, frozen=True, kw_only=True):
    """What the key of a job may have unsettled and buy a minute; None is no limit."""

    jobs_max: int | None = None
    queued_jobs_max: int | None = None
    tokens_per_minute: int | None = None
    tokens: int = 0
    """Model tokens that the job may come to take."""

    def arguments(self) -> list[str | int]:
        """The same as the submit script takes it."""
        limits = (self.jobs_max, self.queued_jobs_max, self.tokens_per_minute)
        return [*("" if limit is None else limit for limit in limits), self.tokens]


class Submission(Struct, frozen=True, kw_only=True):
    """A job as the ingress hands it in."""

    flight_id: str
    fingerprint: str
    payload: bytes
    priority: PriorityClass
    deadline_ms: int
    depth_max: int
    record: dict[str, str]
    reservation: Reservation = NOTHING_RESERVED
    tenant_window: int = 0
    """Jobs of one tenant that may be on the bell at a time; 0 for any number."""
    quota: Quota = Quota()


class Submitted(Struct, frozen=True):
    """What submit found or did; `outcome` is there when the flight has just landed."""

    verdict: Literal["landed", "joined", "created", "full", "late", "crowded", "drained", "broke"]
    job_id: str
    state: str
    outcome: bytes | None
    now_ms: int
    ahead: int
    wait_ms: int
    used: tuple[int, ...] = ()
    """What each budget of the submission had spent or set aside, in picodollars."""


class Withdrawal(Struct, frozen=True):
    """What became of a job when one caller's interest in it ended."""

    verdict: Literal["wanted", "cancelled", "settled", "unknown"]
    state: str
