"""One job as its page and its JSON show it: everything but what was asked and answered."""

import time
from typing import Final, Literal

from msgspec import Struct

from ingress.dashboard.board import Board
from ingress.dashboard.waterfall import Way, way_of
from shared.history import Row, Wanted
from shared.job_records import TERMINAL, Claim, Record, read_result
from shared.redis import keys
from shared.redis.connect import translated
from shared.shards import shard_of
from shared.wire.outcome import Attempt, Completed, Failed, Result, Usage, Verdict

PAGES_LOOKED_AT: Final = 5
"""How far the history is searched for a job whose record is gone."""


class Action(Struct, frozen=True):
    """Something that an operator may do to a job now."""

    path: str
    name: str
    danger: bool = False
    sure: str = ""


class Why(Struct, frozen=True, kw_only=True):
    """Why the job was a hit or a miss; widths in thousandths of a similarity of 1."""

    title: str
    text: str
    similarity: float | None = None
    threshold: float | None = None
    have: int = 0
    need: int = 0
    entry_id: str = ""
    guards: tuple[Verdict, ...] = ()


class Trouble(Struct, frozen=True):
    """The error that ended a job."""

    code: str
    detail: str


class JobDetail(Struct, frozen=True, kw_only=True):
    """A job; times are Redis ms, money is picodollars and None when nobody knows.

    `callers` started it or joined it. `gone` says that only the history remembers it.
    """

    job_id: str
    state: str
    tenant: str
    key_id: str
    model: str
    priority: str
    request_id: str
    created_ms: int
    settled_ms: int | None
    callers: int
    waiters: int | None = None
    attempts: int = 0
    doubts: int = 0
    claims: tuple[Claim, ...] = ()
    calls: tuple[Attempt, ...] = ()
    provider: str = ""
    usage: Usage | None = None
    cost: int | None = None
    saved: int | None = None
    error: Trouble | None = None
    why: Why | None = None
    way: Way | None = None
    retried: str = ""
    gone: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the job has settled."""
        return self.state in TERMINAL

    @property
    def actions(self) -> tuple[Action, ...]:
        """What may be done to it as it stands."""
        if self.is_over:
            return (Action("retry", "Ask again"), Action("retry-bypass", "Ask again past the cache"))
        cancel = Action(
            "cancel", "Cancel", danger=True, sure="Cancel this job for everybody who waits for it?"
        )
        return (Action("promote", "Put first"), cancel) if self.state == "queued" else (cancel,)


async def detail_of(board: Board, job_id: str) -> JobDetail | None:
    """Read a job, from its record or from the history; None when nobody remembers it.

    Raises RedisUnavailable.
    """
    record = await board.ctx.jobs.read(job_id)
    if record is None:
        row = await _remembered(board, job_id)
        return None if row is None else _of_row(row)
    waiters = None if record.state in TERMINAL else await _waiters(board, job_id)
    return of_record(record, waiters=waiters, now_ms=int(time.time() * 1000))


def of_record(record: Record, *, waiters: int | None, now_ms: int) -> JobDetail:
    """Lay a job out; pure."""
    result = read_result(record)
    # What an ingress settles by itself was never run, and says nothing of times.
    ran = result if result is not None and result.ft else None
    outcome = None if result is None else result.r
    found = outcome.answer if isinstance(outcome, Completed) else None
    bought = isinstance(outcome, Completed) and outcome.source == "provider"
    return JobDetail(
        job_id=record.job_id,
        state=record.state,
        tenant=record.tenant,
        key_id=record.key_id,
        model=record.model,
        priority=record.priority,
        request_id=record.request_id,
        created_ms=record.created_at_ms,
        settled_ms=record.completed_at_ms,
        callers=1 + record.twins,
        waiters=waiters,
        attempts=record.attempts,
        doubts=record.doubts,
        claims=record.claims,
        calls=() if outcome is None else outcome.attempts,
        provider=found.provider if found else "",
        usage=found.usage if found else None,
        cost=_cost(outcome),
        saved=found.cost if found and not bought else None,
        error=Trouble(outcome.code, outcome.detail) if isinstance(outcome, Failed) else None,
        why=None if ran is None else why_of(ran),
        way=way_of(record, ran, ingress_ms=record.ingress_ms, now_ms=now_ms),
        retried=record.retried,
    )


def why_of(result: Result) -> Why | None:
    """Say in words why an answer came from where it came from; pure."""
    outcome, match = result.r, result.r.match
    kind: Literal["hit", "miss"] = "miss"
    if isinstance(outcome, Completed) and outcome.stale is not None:
        kind, text = (
            "hit",
            f"An answer past its freshness was served, for want of a newer one: {outcome.stale.reason}.",
        )
    elif isinstance(outcome, Completed) and outcome.source == "semantic":
        kind, text = "hit", "A stored question means the same: near enough, and every guard agreed."
    elif match is None:
        text = "No stored question was near, or the search was skipped."
    elif match.similarity < match.threshold:
        text = "The nearest stored question is not near enough."
    elif match.guards and not all(guard.passed for guard in match.guards):
        text = "A stored question was near, but a guard told them apart."
    else:
        text = "A stored question was near, but its answer could not be served."
    if match is None:
        return Why(title=f"Why it was a {kind}", text=text)
    return Why(
        title=f"Why it was a {kind}",
        text=text,
        similarity=match.similarity,
        threshold=match.threshold,
        have=max(0, round(match.similarity * 1000)),
        need=max(0, round(match.threshold * 1000)),
        entry_id=match.entry_id,
        guards=match.guards,
    )


def _cost(outcome: Completed | Failed | None) -> int | None:
    if not isinstance(outcome, Completed):
        return None
    bought = outcome.source == "provider"
    costs = (
        outcome.embed_cost,
        *(spent.cost for spent in outcome.spent),
        *((outcome.answer.cost,) if bought else ()),
    )
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None


async def _waiters(board: Board, job_id: str) -> int:
    queues = (board.ctx.queue, *board.ctx.further_queues)
    async with translated():
        return int(await queues[shard_of(job_id, len(queues))].zcard(keys.waiters(job_id)))


async def _remembered(board: Board, job_id: str) -> Row | None:
    """Find a job's row: it settled between its creation, which its id tells, and its deadline."""
    generation = job_id.rpartition(".")[2]
    if not (generation.isascii() and generation.isdecimal() and len(generation) < 20):  # noqa: PLR2004 - micros
        return None
    created_ms = int(generation) // 1000
    latest_ms = created_ms + int(board.ctx.settings.job_deadline_s * 2000)
    wanted = Wanted(facets=(("job", job_id),), since_ms=created_ms, until_ms=latest_ms)
    after = ""
    for _ in range(PAGES_LOOKED_AT):
        page = await board.history.settled(wanted, after=after, count=1)
        if page.rows:
            return page.rows[0]
        if not page.after:
            return None
        after = page.after
    return None


def _of_row(row: Row) -> JobDetail:
    return JobDetail(
        job_id=row.job_id,
        state=row.state,
        tenant=row.tenant,
        key_id="",
        model=row.model,
        priority=row.priority,
        request_id="",
        created_ms=row.created_ms,
        settled_ms=row.settled_ms,
        callers=1 + row.twins,
        attempts=row.attempts,
        error=Trouble(row.error, "") if row.error else None,
        gone=True,
    )
