"""Jobs as a worker is given them, and how it hands them back."""

from typing import Literal

from msgspec import Struct

from shared.redis.keys import PriorityClass

Released = Literal["not_ours", "handed_back", "handed_back_in_doubt"]
RELEASED: tuple[Released, ...] = ("not_ours", "handed_back", "handed_back_in_doubt")


class Claimed(Struct, frozen=True, kw_only=True):
    """One job under lease; `payload` is None when it outlived its deadline unread.

    `doubts` counts the attempts that ended after the question was sent and before anything was settled, and
    `doubted` says that this claim has found one more. `wanted` is false when nobody waits for it any more,
    `streamed` is true when somebody wants its tokens as they come.
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
    streamed: bool = False


class Retried(Struct, frozen=True):
    """The jobs in work at one worker that others have failed to finish: how many, and on their last try."""

    jobs: int = 0
    last_tries: int = 0


NONE_RETRIED = Retried()


def read_claim(row: list[bytes | None]) -> Claimed:
    """Read a row of claim.lua's reply."""
    job_id, payload, token, tries, created_at, deadline_at, priority, doubts, doubted, wanted, streamed = row
    return Claimed(
        job_id=(job_id or b"").decode(),
        payload=payload,
        token=(token or b"").decode(),
        tries=int(tries or 1),
        created_at_ms=int(float(created_at or 0)),
        deadline_at_ms=int(deadline_at) if deadline_at else None,
        priority="batch" if priority == b"batch" else "interactive",
        doubts=int(doubts or 0),
        doubted=bool(doubted),
        wanted=bool(wanted),
        streamed=bool(streamed),
    )
