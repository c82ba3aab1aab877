"""What settling a job writes, and what it finds."""

from enum import Enum
from typing import Literal

from msgspec import Struct

from shared.job_records import State
from shared.redis.scripts import Argument

Hit = Literal["", "miss", "semantic", "stale"]


class Settled(Enum):
    """What a settle found: `repeated` when an earlier call had committed and only its reply was lost."""

    refused = 0
    committed = 1
    repeated = 2


class Increment(Struct, frozen=True):
    """One line of the ledger of a job's tenant: `<key id>|<model>|<measure>`, and by how much it grows."""

    field: str
    amount: int


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
    ledger: tuple[Increment, ...] = ()
    hit: Hit = ""
    """Where the answer came from."""
    error: str = ""
    """The code of the error that ended the job."""
    history_jobs: int = 0
    """How many settled jobs a queue Redis remembers."""


class Settling(Struct, frozen=True):
    """A settlement on its way: whose job, and under which token."""

    job_id: str
    token: str
    settlement: Settlement


def settle_arguments(settling: Settling, dead_letters_max: int, outbox_max: int) -> list[Argument]:
    """The arguments of settle.lua, in its order."""
    settlement = settling.settlement
    return [
        *(settling.job_id, settling.token, settlement.state, settlement.outcome, settlement.keep_ms),
        *(settlement.handoff_ms, settlement.commit, outbox_max, settlement.announcement),
        *(settlement.given_up, dead_letters_max),
        *(settlement.hit, settlement.error, settlement.history_jobs),
        *(part for line in settlement.ledger for part in (line.field, line.amount)),
    ]
