"""/admin: what the dashboard shows, as JSON; for keys with the scope view."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from ingress.answering import for_operators
from ingress.authentication import needs
from ingress.dashboard import parts, records
from ingress.dashboard.board import Board
from ingress.dashboard.entries import EntryDetail, detail_of as entry_detail_of
from ingress.dashboard.filters import read_filter
from ingress.dashboard.job_detail import JobDetail, detail_of
from ingress.dashboard.overview import Overview
from ingress.dashboard.parts import ClassLine, WorkerLine
from ingress.dashboard.records import EntryLine, Letter
from ingress.exchange import exchange_of
from shared.audit import Note
from shared.errors import UnknownJob
from shared.history import Page
from shared.load import Load
from shared.stuck import Stuck

OK = 200
TAGS = ["operations"]
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="most rows")]


class WorkersView(Struct):
    """The workers that live."""

    workers: list[WorkerLine]


class QueuesView(Struct):
    """The classes of jobs, and the load of all queues together."""

    classes: list[ClassLine]
    load: Load | None


class LettersView(Struct):
    """The latest dead letters."""

    letters: list[Letter]


class StuckView(Struct):
    """The jobs that do not get on."""

    jobs: list[Stuck]


class EntriesView(Struct):
    """Stored answers, without what they say; `total` are listed."""

    entries: list[EntryLine]
    total: int


class AuditView(Struct):
    """What operators did, the latest first."""

    notes: list[Note]


@get("/overview", opt=needs("view"), responses={OK: ResponseSpec(Overview)}, summary="How it goes", tags=TAGS)
async def read_overview(board: NamedDependency[Board]) -> Response[bytes]:
    """Return rates, durations, load, money and breakers of the last hour, with the shapes of their charts."""
    return for_operators(await board.overview.get())


@get("/jobs", opt=needs("view"), responses={OK: ResponseSpec(Page)}, summary="Find jobs", tags=TAGS)
async def find_jobs(
    board: NamedDependency[Board],
    in_state: Annotated[str, QueryParameter(name="state")] = "",
    of_class: Annotated[str, QueryParameter(name="class")] = "",
    model: FromQuery[str] = "",
    tenant: FromQuery[str] = "",
    hit: FromQuery[str] = "",
    error: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
    after: Annotated[str, QueryParameter(description="`after` of the page before")] = "",
    limit: Limit = 50,
) -> Response[bytes]:
    """Return jobs that fit, the newest first; a page may be short: go on from `after`."""
    given = {
        "state": in_state,
        "class": of_class,
        "model": model,
        "tenant": tenant,
        "hit": hit,
        "error": error,
        "after": after,
    }
    given |= {"since": since, "until": until}
    return for_operators(await parts.find(board, read_filter(given), limit))


@get(
    "/jobs/{job_id:str}",
    opt=needs("view"),
    responses={OK: ResponseSpec(JobDetail)},
    summary="Read any job, without its question and answer",
    tags=TAGS,
)
async def read_any_job(job_id: FromPath[str], board: NamedDependency[Board]) -> Response[bytes]:
    """Return a job's stages, attempts, calls, and why it was a hit or a miss."""
    job = await detail_of(board, job_id)
    if job is None:
        raise UnknownJob("Nobody remembers this job.")
    return for_operators(job)


@get(
    "/workers",
    opt=needs("view"),
    responses={OK: ResponseSpec(WorkersView)},
    summary="List workers",
    tags=TAGS,
)
async def list_workers(board: NamedDependency[Board]) -> Response[bytes]:
    """Return the workers that were heard of in the last five seconds."""
    return for_operators(WorkersView((await parts.workers(board, {}))["workers"]))


@get("/queues", opt=needs("view"), responses={OK: ResponseSpec(QueuesView)}, summary="List queues", tags=TAGS)
async def list_queues(board: NamedDependency[Board]) -> Response[bytes]:
    """Return the classes of jobs, and how many wait."""
    values = await parts.queues(board, {})
    return for_operators(QueuesView(values["classes"], values["load"]))


@get(
    "/dead-letters",
    opt=needs("view"),
    responses={OK: ResponseSpec(LettersView)},
    summary="List the jobs that were given up",
    tags=TAGS,
)
async def list_letters(board: NamedDependency[Board]) -> Response[bytes]:
    """Return the latest hundred."""
    return for_operators(LettersView(await records.letters_of(board)))


@get(
    "/stuck", opt=needs("view"), responses={OK: ResponseSpec(StuckView)}, summary="List stuck jobs", tags=TAGS
)
async def list_stuck(board: NamedDependency[Board]) -> Response[bytes]:
    """Return the jobs that do not get on, and why one would think so."""
    return for_operators(StuckView((await parts.stuck(board, {}))["stuck"]))


@get(
    "/cache/entries",
    opt=needs("view"),
    responses={OK: ResponseSpec(EntriesView)},
    summary="List stored answers",
    tags=TAGS,
)
async def list_entries(
    board: NamedDependency[Board],
    by: FromQuery[Literal["newest", "hits"]] = "newest",
    start: Annotated[int, QueryParameter(ge=0, le=10_000)] = 0,
) -> Response[bytes]:
    """Return fifty stored answers, the newest or the most used first, without what they say."""
    entries, total = await records.entries_of(board, by=by, start=start, named="")
    return for_operators(EntriesView(entries, total))


@get(
    "/cache/entries/{entry_id:str}/similar",
    opt=needs("view"),
    responses={OK: ResponseSpec(EntryDetail)},
    summary="Find stored answers near to one",
    tags=TAGS,
)
async def find_similar(
    request: Request[Any, Any, Any],
    entry_id: FromPath[str],
    board: NamedDependency[Board],
    tenant: Annotated[str, QueryParameter(description="whose entry it is; another's is not found")] = "",
) -> Response[bytes]:
    """Return an entry's nearest neighbours and what the policy in force says of each; 503 without workers."""
    return for_operators(
        await entry_detail_of(board, tenant, entry_id, exchange_of(request.scope).request_id)
    )


@get(
    "/audit",
    opt=needs("view"),
    responses={OK: ResponseSpec(AuditView)},
    summary="Read the audit log",
    tags=TAGS,
)
async def read_audit(
    board: NamedDependency[Board], before: FromQuery[str] = "", limit: Limit = 50
) -> Response[bytes]:
    """Return what operators did, the latest first, from a note's id on."""
    return for_operators(AuditView(await board.audit.newest(limit, before=records.note_id(before))))
