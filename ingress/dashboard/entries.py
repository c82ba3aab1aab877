"""One stored answer as its page and its JSON show it: what is near it, and whether that would be served.

What entries say is shown on the page alone, and only to who has said that it wants to see that.
"""

import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import actor_of
from ingress.dashboard.forms import SEE_OTHER, back
from ingress.dashboard.records import EntryLine, line_of
from ingress.dashboard.rendering import page
from ingress.dashboard.signing_in import posted, seen_by, session_of
from ingress.exchange import exchange_of
from ingress.similar import neighbours_of
from shared.cache import EntryStore
from shared.entry_list import Listed
from shared.errors import NotFound, Unavailable
from shared.wire.outcome import Verdict
from shared.wire.similar import Neighbours

Asked = Request[Any, Any, Any]
THOUSAND: Final = 1000


class SimilarLine(Struct, frozen=True, kw_only=True):
    """A neighbour, and what the policy in force says of answering the entry's question from it."""

    entry: EntryLine
    similarity: float
    match: bool
    verdict: str
    guards: tuple[Verdict, ...]

    @property
    def have(self) -> int:
        """The similarity as a width in thousandths."""
        return max(0, round(self.similarity * THOUSAND))


class EntryDetail(Struct, frozen=True, kw_only=True):
    """A stored answer and its neighbours, the nearest first.

    `known` is false when it has no vector that is known: then nobody can tell what is near.
    """

    entry: EntryLine
    known: bool
    policy: str
    threshold: float
    similar: tuple[SimilarLine, ...]

    @property
    def need(self) -> int:
        """The threshold as a width in thousandths."""
        return max(0, round(self.threshold * THOUSAND))


@get("/cache/{tenant:str}/{entry_id:str}", opt=seen_by("viewer"), include_in_schema=False)
async def show_entry(
    request: Asked, tenant: FromPath[str], entry_id: FromPath[str], board: NamedDependency[Board]
) -> Response[str]:
    """One stored answer and those that are near it."""
    session = session_of(request)
    listed = await entry_of(board, tenant, entry_id)
    trouble, found = "", Neighbours(known=False)
    try:
        found = await look(board, listed, exchange_of(request.scope).request_id)
    except Unavailable as error:
        # What is known of the entry itself is shown all the same.
        trouble = error.detail
    others = await board.entries.named([near.entry_id for near in found.near])
    sees = session.may("operator") and await board.sessions.sees(session, entry_id)
    return page(
        board.ctx,
        request,
        "entry.html",
        session,
        here="/cache",
        d=detail(listed, found, others),
        trouble=trouble,
        told={one.entry.id: one.entry for one in (listed, *others.values())} if sees else {},
    )


@post(
    "/cache/{tenant:str}/{entry_id:str}/reveal",
    opt=seen_by("operator"),
    include_in_schema=False,
    status_code=SEE_OTHER,
)
async def reveal_entry(
    request: Asked, tenant: FromPath[str], entry_id: FromPath[str], board: NamedDependency[Board]
) -> Redirect:
    """Show what an entry and those near it say, to this session."""
    await posted(request)
    await entry_of(board, tenant, entry_id)
    session = session_of(request)
    await doing.reveal_entry(board, actor_of(session), session, tenant, entry_id)
    return back(f"/cache/{quote(tenant, safe='')}/{quote(entry_id, safe='')}", "revealed")


async def detail_of(board: Board, tenant: str, entry_id: str, request_id: str) -> EntryDetail:
    """Read an entry, of a tenant if one is named, and what is near it.

    Raises NotFound, RedisUnavailable, and Unavailable when no worker answers.
    """
    listed = await entry_of(board, tenant, entry_id)
    found = await look(board, listed, request_id)
    return detail(listed, found, await board.entries.named([near.entry_id for near in found.near]))


async def entry_of(board: Board, tenant: str, entry_id: str) -> Listed:
    """Read an entry that may still be served; raises NotFound and RedisUnavailable."""
    listed = await board.entries.one(entry_id)
    if listed is None or tenant not in ("", listed.entry.tenant):
        raise NotFound("No answer is stored under this id.")
    # The list does not look at the marks of purges.
    if await EntryStore(board.ctx.cache).read(entry_id, listed.entry.tenant) is None:
        raise NotFound("This answer was purged.")
    return listed


async def look(board: Board, listed: Listed, request_id: str) -> Neighbours:
    """Find its neighbours; one that names no partition is in none that is known, and no worker is asked."""
    entry = listed.entry
    if not entry.partition:
        return Neighbours(known=False)
    return await neighbours_of(board.ctx, entry.tenant, entry.id, request_id)


def detail(listed: Listed, found: Neighbours, others: Mapping[str, Listed]) -> EntryDetail:
    """Lay an entry and its neighbours out, without what they say; pure but for the clock."""
    now_ms = int(time.time() * 1000)
    similar = tuple(
        SimilarLine(
            entry=line_of(others[near.entry_id], now_ms),
            similarity=near.similarity,
            match=near.match,
            verdict=near.verdict,
            guards=near.guards,
        )
        for near in found.near
        if near.entry_id in others
    )
    return EntryDetail(
        entry=line_of(listed, now_ms),
        known=found.known,
        policy=found.policy,
        threshold=found.threshold,
        similar=similar,
    )
