"""The pages that are read."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ingress.dashboard import parts
from ingress.dashboard.board import Board
from ingress.dashboard.content import content_of
from ingress.dashboard.filters import read_filter
from ingress.dashboard.job_detail import detail_of
from ingress.dashboard.rendering import page
from ingress.dashboard.signing_in import seen_by, session_of
from shared.errors import NotFound

Asked = Request[Any, Any, Any]
SEE_OTHER: Final = 303


@get("/", opt=seen_by("viewer"), include_in_schema=False)
async def show_overview(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """Everything at a glance."""
    values = await parts.overview(board, {})
    return page(
        board.ctx, request, "overview.html", session_of(request), live="/dashboard/live/overview", **values
    )


@get("/jobs", opt=seen_by("viewer"), include_in_schema=False)
async def show_jobs(request: Asked, board: NamedDependency[Board]) -> Response[Any]:
    """Jobs that fit a filter, or the one of an id."""
    query = dict(request.query_params.items())
    asked = read_filter(query)
    if asked.id:
        job_id = await _job_of(board, asked.id)
        if job_id:
            return Redirect(f"/dashboard/jobs/{job_id}", status_code=SEE_OTHER)
    values = await parts.jobs(board, query)
    live = "" if asked.after or asked.id else f"/dashboard/live/jobs?{asked.query}"
    return page(
        board.ctx,
        request,
        "jobs.html",
        session_of(request),
        here="/jobs",
        live=live,
        found_nothing=bool(asked.id),
        **values,
    )


@get("/jobs/{job_id:str}", opt=seen_by("viewer"), include_in_schema=False)
async def show_job(request: Asked, job_id: FromPath[str], board: NamedDependency[Board]) -> Response[str]:
    """One job; what was asked and answered only for who has said that it wants to see that."""
    job = await detail_of(board, job_id)
    if job is None:
        raise NotFound("Nobody remembers this job.")
    session = session_of(request)
    sees = session.may("operator") and await board.sessions.sees(session, job_id)
    record = await board.ctx.jobs.read(job_id) if sees else None
    return page(
        board.ctx,
        request,
        "job.html",
        session,
        here="/jobs",
        j=job,
        live="" if job.is_over else f"/dashboard/live-job/{job_id}",
        content=await content_of(board, record) if record is not None else None,
        telling=sees and not job.is_over,
    )


@get("/workers", opt=seen_by("viewer"), include_in_schema=False)
async def show_workers(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """Who works."""
    return await _live_page(request, board, "workers")


@get("/queues", opt=seen_by("viewer"), include_in_schema=False)
async def show_queues(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """What waits, and within which bounds."""
    return await _live_page(request, board, "queues")


@get("/stuck", opt=seen_by("viewer"), include_in_schema=False)
async def show_stuck(request: Asked, board: NamedDependency[Board]) -> Response[str]:
    """What does not get on."""
    return await _live_page(request, board, "stuck")


async def _live_page(request: Asked, board: Board, name: str) -> Response[str]:
    read, _ = parts.PARTS[name]
    values = await read(board, {})
    return page(
        board.ctx,
        request,
        f"{name}.html",
        session_of(request),
        here=f"/{name}",
        live=f"/dashboard/live/{name}",
        **values,
    )


async def _job_of(board: Board, given: str) -> str:
    """The job that an id means: its own, or that of the entry that it bought."""
    if "." in given:
        return given if await detail_of(board, given) is not None else ""
    listed = await board.entries.one(given)
    return listed.entry.job_id if listed is not None else ""
