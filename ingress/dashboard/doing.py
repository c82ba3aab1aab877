"""What operators do, whoever asked for it and how: written into the audit log, then done."""

import asyncio
from collections.abc import Sequence
from typing import Final, Literal

from msgspec import Struct

from ingress.dashboard.board import Board
from ingress.dashboard.filters import Filter
from ingress.dashboard.parts import find
from ingress.dashboard.records import letters_of
from shared.dead_letters import DeadLetters
from shared.errors import BadRequest, SentinelError, UnknownJob
from shared.fleet_control import Wish
from shared.job_records import TERMINAL, read_result
from shared.key_store import NewKey, StoredKey
from shared.own_budgets import Holder, OwnBudget
from shared.purging import Kind, label, labels_of
from shared.redis.connect import translated
from shared.redis.keys import PriorityClass
from shared.sessions import Session
from shared.wire.outcome import Completed

JobAction = Literal["cancel", "promote", "retry", "retry_bypass"]
LetterAction = Literal["requeue", "purge"]
ACTIONS: Final[tuple[JobAction, ...]] = ("cancel", "promote", "retry", "retry_bypass")
BULK_MAX: Final = 1_000
"""Jobs that one action by filter reaches; whoever means more repeats it."""
PAGE: Final = 200
AT_ONCE: Final = 16


class Actor(Struct, frozen=True):
    """Who does it."""

    by: str
    role: str


class Done(Struct, frozen=True):
    """What became of it: whether anything was done, and the job that it led to."""

    done: bool
    job_id: str = ""


class Meant(Struct, frozen=True):
    """The jobs that an action by filter means; `capped` when there may be more."""

    job_ids: tuple[str, ...]
    capped: bool


def actor_of(session: Session) -> Actor:
    """Who a session is in the audit log."""
    return Actor(session.name, session.role)


async def to_job(board: Board, actor: Actor, action: JobAction, job_id: str) -> Done:
    """Do something to one job; raises UnknownJob, RedisUnavailable and what submitting raises."""
    await _note(board, actor, action.replace("_", " "), job_id)
    return await _act(board, action, job_id)


async def meant(board: Board, asked: Filter) -> Meant:
    """Count the jobs that fit a filter, to a bound."""
    found: list[str] = []
    after, pages = "", 0
    while len(found) < BULK_MAX and pages < 2 * BULK_MAX // PAGE:
        page = await find(board, _from(asked, after), min(PAGE, BULK_MAX - len(found)))
        found += [row.job_id for row in page.rows]
        after, pages = page.after, pages + 1
        if not after:
            break
    return Meant(tuple(found), capped=bool(after))


async def to_all(board: Board, actor: Actor, action: JobAction, asked: Filter, jobs: Sequence[str]) -> int:
    """Do the same to many jobs; returns to how many it was done."""
    await _note(board, actor, f"{action.replace('_', ' ')} by filter", asked.describe(), f"{len(jobs)} jobs")
    room = asyncio.Semaphore(AT_ONCE)

    async def one(job_id: str) -> bool:
        async with room:
            try:
                return (await _act(board, action, job_id)).done
            except SentinelError:
                # What one job refuses does not keep the others from it.
                return False

    return sum(await asyncio.gather(*map(one, jobs)))


async def call_wrong(board: Board, actor: Actor, job_id: str) -> Done:
    """Purge the stored answer that a job bought, or that it was served."""
    record = await board.ctx.jobs.read(job_id)
    if record is None:
        raise UnknownJob("Nobody remembers this job.")
    entry_id = job_id.partition(".")[0]
    result = read_result(record)
    outcome = None if result is None else result.r
    if isinstance(outcome, Completed):
        # Whatever breaks afterwards, this question does not get it again, and the bound on wrong hits knows.
        await board.ctx.feedback.give(record, "wrong")
        if outcome.source == "semantic" and outcome.match is not None:
            entry_id = outcome.match.entry_id
    return await purge_entry(board, actor, record.tenant, entry_id, "this answer is wrong")


async def purge_entry(board: Board, actor: Actor, tenant: str, entry_id: str, why: str = "") -> Done:
    """Purge one stored answer."""
    await _note(board, actor, "purge entry", entry_id, why or f"tenant {tenant}")
    purged = await board.ctx.purge.entry(tenant, entry_id)
    return Done(bool(purged.found))


async def reveal(board: Board, actor: Actor, session: Session, job_id: str) -> None:
    """Let a session see what a job asked and was answered."""
    await _note(board, actor, "reveal", job_id)
    await board.sessions.reveal(session, job_id)


async def reveal_entry(board: Board, actor: Actor, session: Session, tenant: str, entry_id: str) -> None:
    """Let a session see what a stored answer and those near it say."""
    await _note(board, actor, "reveal entry", entry_id, f"tenant {tenant}, and what is near it")
    await board.sessions.reveal(session, entry_id)


async def to_letters(
    board: Board,
    actor: Actor,
    action: LetterAction,
    places: Sequence[str],
    *,
    reason: str = "",
) -> list[str]:
    """Requeue or delete dead letters; returns the jobs begun, or the letters deleted.

    Those that were found by their reason are noted together.
    """
    if reason:
        await _note(board, actor, f"{action} dead letters by reason", reason, f"{len(places)} letters")
    queues = (board.ctx.queue, *board.ctx.further_queues)
    done: list[str] = []
    for place in places:
        letter_id, _, number = place.partition("@")
        if not (number.isascii() and number.isdecimal() and int(number[:4]) < len(queues)):
            raise BadRequest(f"{place!r} is no dead letter.")
        if not reason:
            await _note(board, actor, f"{action} dead letter", letter_id)
        letters = DeadLetters(queues[int(number)])
        async with translated():
            if action == "purge":
                done += [letter_id] * await letters.purge([letter_id])
            else:
                begun = await letters.requeue(
                    letter_id, deadline_ms=int(board.ctx.settings.job_deadline_s * 1000)
                )
                done += [begun] if begun else []
    return done


async def letters_meant(board: Board, reason: str) -> list[str]:
    """Where the dead letters of a reason are, to a bound."""
    found = await letters_of(board, BULK_MAX)
    return [one.place for one in found if one.letter.reason == reason]


async def purge_all(board: Board, actor: Actor, tenant: str, kind: Kind, value: str) -> None:
    """Purge what a tenant has of a kind."""
    await _note(board, actor, f"purge {kind}", value or tenant, f"tenant {tenant}")
    await board.ctx.purge.by(tenant, kind, value)


async def entries_meant(board: Board, tenant: str, kind: Kind, value: str) -> int:
    """How many of the newest stored answers a purge would reach."""
    found, _ = await board.entries.page("newest", start=0, count=BULK_MAX)
    wanted = label(kind, value)
    return sum(
        one.entry.tenant == tenant and (kind == "all" or wanted in labels_of(one.entry)) for one in found
    )


async def to_worker(board: Board, actor: Actor, worker: str, wish: Wish) -> None:
    """Tell a worker how to take jobs."""
    await _note(board, actor, {"": "wake worker"}.get(wish, f"{wish} worker"), worker)
    await board.control.wish(worker, wish)


async def to_class(board: Board, actor: Actor, priority: PriorityClass, *, paused: bool) -> None:
    """Pause a class of jobs, or resume it."""
    await _note(board, actor, "pause" if paused else "resume", priority)
    await board.control.pause(priority, paused=paused)


async def create_key(board: Board, actor: Actor, wanted: NewKey) -> tuple[str, StoredKey]:
    """Make an API key; returns it, this once. Raises TooManyKeys."""
    key, stored = await board.ctx.key_store.create(wanted)
    await _note(board, actor, "create key", stored.key_id, f"for {stored.owner} of {stored.tenant}")
    return key, stored


async def rotate_key(board: Board, actor: Actor, key_id: str, *, grace_ms: int) -> tuple[str, StoredKey]:
    """Make a key's successor; returns it, this once. Raises UnknownKey and TooManyKeys."""
    key, stored = await board.ctx.key_store.rotate(key_id, grace_ms=grace_ms)
    await _note(board, actor, "rotate key", key_id, f"to {stored.key_id}")
    return key, stored


async def revoke_key(board: Board, actor: Actor, key_id: str) -> None:
    """End an API key; raises UnknownKey."""
    await _note(board, actor, "revoke key", key_id)
    await board.ctx.key_store.revoke(key_id)


async def put_budget(board: Board, actor: Actor, holder: Holder, name: str, budget: OwnBudget) -> None:
    """Give a tenant or a key a budget of its own; raises BadRequest and TooManyBudgets."""
    limits = ((field, getattr(budget, field)) for field in budget.__struct_fields__)
    told = ", ".join(f"{field.removesuffix('_usd')} ${usd:g}" for field, usd in limits if usd is not None)
    await _note(board, actor, "set budget", f"{holder} {name}", told or "no limit")
    await board.own_budgets.put(holder, name, budget)


async def remove_budget(board: Board, actor: Actor, holder: Holder, name: str) -> None:
    """Let the settings' budget stand again; raises NotFound."""
    await _note(board, actor, "remove budget", f"{holder} {name}")
    await board.own_budgets.remove(holder, name)


async def _act(board: Board, action: JobAction, job_id: str) -> Done:
    if action == "cancel":
        return Done(await board.actions.cancel(job_id), job_id)
    if action == "promote":
        return Done(await board.actions.promote(job_id), job_id)
    record = await board.ctx.jobs.read(job_id)
    if record is not None and record.state not in TERMINAL:
        return Done(done=False, job_id=job_id)
    again = await board.actions.retry(job_id, bypass=action == "retry_bypass")
    return Done(done=True, job_id=again.job_id)


async def _note(board: Board, actor: Actor, action: str, subject: str, detail: str = "") -> None:
    await board.audit.note(by=actor.by, role=actor.role, action=action, subject=subject, detail=detail)


def _from(asked: Filter, after: str) -> Filter:
    return Filter(
        state=asked.state, chosen=asked.chosen, since=asked.since, until=asked.until, after=after, id=""
    )
