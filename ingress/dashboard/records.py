"""The pages of what is kept: dead letters, stored answers, keys and money, and who did what."""

import asyncio
import time
from typing import Any, Literal, get_args

from litestar import Request, Response, get
from litestar.di import NamedDependency
from msgspec import Struct

from ingress.dashboard.board import Board
from ingress.dashboard.rendering import page
from ingress.dashboard.signing_in import seen_by, session_of
from shared.budgets import settings_budget
from shared.clients import SCOPES_OF, Scope
from shared.dead_letters import DeadLetter, DeadLetters
from shared.entry_list import Listed
from shared.freshness import fresh_until_ms
from shared.key_store import NAME_PATTERN
from shared.own_budgets import HOLDERS, holder_of
from shared.redis.connect import translated
from shared.spending import spending

Asked = Request[Any, Any, Any]
LISTED = 50
LETTERS = 100


class Letter(Struct, frozen=True):
    """A dead letter, and where it is: its id and the number of its server."""

    place: str
    letter: DeadLetter


class EntryLine(Struct, frozen=True, kw_only=True):
    """A stored answer, without what it says; times in ms."""

    id: str
    job_id: str
    tenant: str
    model: str
    labels: tuple[str, ...]
    hits: int
    age_ms: int
    fresh_ms: int
    cost: int | None


@get("/dead", opt=seen_by("viewer"), include_in_schema=False)
async def show_dead(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """The jobs that were given up."""
    letters = await letters_of(board)
    reasons = sorted({one.letter.reason for one in letters})
    return page(
        board.ctx, request, "dead.html", session_of(request), here="/dead", letters=letters, reasons=reasons
    )


@get("/cache", opt=seen_by("viewer"), include_in_schema=False)
async def show_cache(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """The stored answers."""
    query = request.query_params
    by: Literal["newest", "hits"] = "hits" if query.get("by") == "hits" else "newest"
    start = query.get("start", "0")
    begin = min(10_000, int(start)) if start.isascii() and start.isdecimal() and len(start) < 6 else 0  # noqa: PLR2004
    named = query.get("id", "").strip()[:256]
    lines, total = await entries_of(board, by=by, start=begin, named=named)
    following = f"/dashboard/cache?by={by}&start={begin + LISTED}" if begin + LISTED < total else ""
    return page(
        board.ctx,
        request,
        "cache.html",
        session_of(request),
        here="/cache",
        entries=lines,
        total=total,
        by=by,
        id=named,
        next=following,
    )


@get("/keys", opt=seen_by("admin"), include_in_schema=False)
async def show_keys(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """Who may ask, and what that has cost."""
    queues = (board.ctx.queue, *board.ctx.further_queues)
    stored, spent, own = await asyncio.gather(
        board.ctx.key_store.all(),
        spending(queues, deadline_s=2 * board.ctx.settings.redis_timeout_s),
        board.own_budgets.all(),
    )
    return page(
        board.ctx,
        request,
        "keys.html",
        session_of(request),
        here="/keys",
        stored=stored,
        spent=spent,
        every={holder: settings_budget(board.ctx.settings, holder) for holder in HOLDERS},
        own=[(*holder_of(who), budget) for who, budget in sorted(own.budgets.items())],
        tiers=list(board.ctx.tiers.known),
        scopes=get_args(Scope),
        usual=SCOPES_OF["user"],
        name_pattern=NAME_PATTERN.pattern,
    )


@get("/audit", opt=seen_by("viewer"), include_in_schema=False)
async def show_audit(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """Who did what."""
    before = note_id(request.query_params.get("before", ""))
    notes = await board.audit.newest(LISTED, before=before)
    following = f"/dashboard/audit?before={notes[-1].id}" if len(notes) == LISTED else ""
    return page(
        board.ctx, request, "audit.html", session_of(request), here="/audit", notes=notes, next=following
    )


def note_id(given: str) -> str:
    """A note's id as it was given; '' for what is none."""
    ms, _, number = given.partition("-")
    known = all(part.isascii() and part.isdecimal() and len(part) < 20 for part in (ms, number))  # noqa: PLR2004
    return given if known else ""


async def letters_of(board: Board, most: int = LETTERS) -> list[Letter]:
    """The latest dead letters of every server; raises RedisUnavailable."""
    queues = (board.ctx.queue, *board.ctx.further_queues)
    async with translated():
        found = await asyncio.gather(*(DeadLetters(queue).newest(most) for queue in queues))
    letters = [
        Letter(f"{letter.id}@{number}", letter) for number, some in enumerate(found) for letter in some
    ]
    return sorted(letters, key=lambda one: one.letter.ended_at_ms, reverse=True)[:most]


async def entries_of(
    board: Board, *, by: Literal["newest", "hits"], start: int, named: str
) -> tuple[list[EntryLine], int]:
    """Some stored answers, and how many are listed; raises RedisUnavailable."""
    now_ms = int(time.time() * 1000)
    if named:
        listed = await board.entries.one(named.partition(".")[0])
        return ([] if listed is None else [line_of(listed, now_ms)]), int(listed is not None)
    found, total = await board.entries.page(by, start=start, count=LISTED)
    return [line_of(listed, now_ms) for listed in found], total


def line_of(listed: Listed, now_ms: int) -> EntryLine:
    """Lay a stored answer out, without what it says; pure."""
    entry = listed.entry
    return EntryLine(
        id=entry.id,
        job_id=entry.job_id,
        tenant=entry.tenant,
        model=entry.model or entry.answer.model,
        labels=(*((entry.namespace,) if entry.namespace else ()), *entry.tags),
        hits=listed.hits,
        age_ms=max(0, now_ms - entry.created_at_ms),
        fresh_ms=fresh_until_ms(entry) - now_ms,
        cost=entry.answer.cost,
    )
