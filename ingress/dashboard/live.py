"""Pages that change while they are looked at: their parts as server-sent events, rendered here."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from ingress.dashboard.board import Board
from ingress.dashboard.job_detail import detail_of
from ingress.dashboard.parts import PARTS
from ingress.dashboard.rendering import render
from ingress.dashboard.signing_in import seen_by, session_of
from ingress.job_events import HEADERS, SSE
from shared.errors import NotFound, RedisUnavailable
from shared.sessions import Session
from shared.tokens import BEGINNING, is_verdict

EVERY_S: Final = 1.0
JOB_EVERY_S: Final = 0.25
LONGEST_S: Final = 600.0
"""A stream ends after that, and the browser opens another: sessions that have ended see nothing more."""
RETRY: Final = b"retry: 2000\n\n"
STILL: Final = b": still there\n\n"
TOKENS_FOR_MS: Final = 60_000


@get("/live/{name:str}", opt=seen_by("viewer"), include_in_schema=False)
async def follow_page(
    request: Request[Any, Any, Any], name: FromPath[str], board: NamedDependency[Board]
) -> Stream:
    """Stream the parts of a page as they change."""
    if name not in PARTS:
        raise NotFound("There is no such page.")
    query = dict(request.query_params.items())
    return _stream(_page(board, session_of(request), name, query))


@get("/live-job/{job_id:str}", opt=seen_by("viewer"), include_in_schema=False)
async def follow_one(
    request: Request[Any, Any, Any], job_id: FromPath[str], board: NamedDependency[Board]
) -> Stream:
    """Stream a job as it gets on, with its tokens for those who asked to see them."""
    session = session_of(request)
    if await detail_of(board, job_id) is None:
        raise NotFound("Nobody remembers this job.")
    return _stream(_job(board, session, job_id, told=await board.sessions.sees(session, job_id)))


async def _page(board: Board, session: Session, name: str, query: dict[str, str]) -> AsyncIterator[bytes]:
    read, templates = PARTS[name]
    sent: dict[str, str] = {}
    yield RETRY
    async for _ in _turns(board, EVERY_S):
        try:
            values = await read(board, query)
        except RedisUnavailable:
            yield STILL
            continue
        changed = b""
        for part, template in templates.items():
            html = render(template, session, **values)
            if sent.get(part) != html:
                sent[part] = html
                changed += _event("part", {"id": part, "html": html})
        yield changed or STILL


async def _job(board: Board, session: Session, job_id: str, *, told: bool) -> AsyncIterator[bytes]:
    sent, last, heard_until = "", BEGINNING, 0.0
    clock = asyncio.get_running_loop().time
    yield RETRY
    async for _ in _turns(board, JOB_EVERY_S):
        try:
            job = await detail_of(board, job_id)
            if job is None:
                break
            if told and not job.is_over and clock() >= heard_until:
                # Workers tell tokens only where somebody listens.
                inbox = board.ctx.hub.inbox
                await board.ctx.tokens.listen(job_id, inbox, for_ms=TOKENS_FOR_MS, after=last)
                heard_until = clock() + TOKENS_FOR_MS / 2000
            events = await board.ctx.tokens.read(job_id, after=last) if told else []
        except RedisUnavailable:
            yield STILL
            continue
        changed = b""
        for event in events:
            last = event.id
            if not is_verdict(event.data):
                changed += _event("token", _text(event.data))
        html = render("_job.html", session, j=job)
        if html != sent:
            sent = html
            changed += _event("part", {"id": "job", "html": html})
        yield changed or STILL
        if job.is_over:
            break
    yield _event("over", {})


async def _turns(board: Board, every_s: float) -> AsyncIterator[None]:
    """One turn in so many seconds, until this process stops or the stream is old."""
    ends_at = asyncio.get_running_loop().time() + LONGEST_S
    while not board.ctx.drain.draining and asyncio.get_running_loop().time() < ends_at:
        yield
        await asyncio.sleep(every_s)


def _text(choices: bytes) -> str:
    """The text that an event of tokens adds to the first choice."""
    found = [c for c in msgspec.json.decode(choices) if c.get("index") == 0]
    return "".join(str(choice.get("delta", {}).get("content") or "") for choice in found)


def _event(name: str, data: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def _stream(events: AsyncIterator[bytes]) -> Stream:
    return Stream(events, media_type=SSE, headers=HEADERS)
