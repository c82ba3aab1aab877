"""/admin: what operators do, as JSON; for keys with the scope operate. All of it is in the audit log."""

from typing import Annotated, Any, Literal

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from ingress.answering import for_operators
from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import Actor, JobAction, LetterAction
from ingress.dashboard.filters import Filter, read_filter
from shared.errors import BadRequest, NotFound
from shared.sessions import role_of
from shared.submissions import CLASSES

OK = 200
TAGS = ["operations"]
Asked = Request[Any, Any, Any]
ACTIONS: dict[str, JobAction] = {name.replace("_", "-"): name for name in doing.ACTIONS}


class DoneView(Struct):
    """Whether something was done, and the job that it led to."""

    done: bool
    job_id: str = ""


class CountView(Struct):
    """How many jobs were meant and to how many it was done; `capped` when more may fit."""

    meant: int
    done: int
    capped: bool
    dry_run: bool


class BulkRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action by filter; nothing happens while `dry_run` stands."""

    action: JobAction
    filter: Annotated[dict[str, str], Meta(description="as GET /admin/jobs takes it", max_length=16)]
    dry_run: bool = True


class LettersRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Dead letters, by the `place` that lists show, or all of a reason; `dry_run` only says which."""

    ids: Annotated[list[str], Meta(max_length=1000)] = []
    reason: str | None = None
    dry_run: bool = False


class LettersDone(Struct):
    """The jobs begun, or the letters deleted; in a dry run the letters that are meant."""

    ids: list[str]
    dry_run: bool = False


@post(
    "/jobs/{job_id:str}/{action:str}",
    opt=needs("operate"),
    status_code=OK,
    responses={OK: ResponseSpec(DoneView)},
    summary="Cancel, promote, retry or retry-bypass a job",
    tags=TAGS,
)
async def act_on_job(
    request: Asked, job_id: FromPath[str], action: FromPath[str], board: NamedDependency[Board]
) -> Response[bytes]:
    """Do something to one job, whoever's it is; `wrong` purges the answer that it bought or was served."""
    if action == "wrong":
        found = await doing.call_wrong(board, actor_of_key(request), job_id)
    elif action in ACTIONS:
        found = await doing.to_job(board, actor_of_key(request), ACTIONS[action], job_id)
    else:
        raise NotFound(f"There is no action {action!r}; there are {', '.join((*ACTIONS, 'wrong'))}.")
    return for_operators(DoneView(found.done, found.job_id))


@post(
    "/jobs/actions",
    dto=JsonBody[BulkRequest],
    return_dto=None,
    opt=needs("operate"),
    status_code=OK,
    responses={OK: ResponseSpec(CountView)},
    summary="Do the same to all jobs that fit a filter, or count them",
    tags=TAGS,
)
async def act_on_jobs(
    request: Asked, data: JSONBody[BulkRequest], board: NamedDependency[Board]
) -> Response[bytes]:
    """Count the jobs that fit, up to a thousand; without `dry_run` act on them."""
    asked: Filter = read_filter(data.filter)
    jobs = await doing.meant(board, asked)
    done = 0
    if not data.dry_run:
        done = await doing.to_all(board, actor_of_key(request), data.action, asked, jobs.job_ids)
    return for_operators(CountView(len(jobs.job_ids), done, jobs.capped, data.dry_run))


@post(
    "/workers/{worker:str}/{wish:str}",
    opt=needs("operate"),
    status_code=OK,
    responses={OK: ResponseSpec(DoneView)},
    summary="Quiet, drain or wake a worker",
    tags=TAGS,
)
async def act_on_worker(
    request: Asked, worker: FromPath[str], wish: FromPath[str], board: NamedDependency[Board]
) -> Response[bytes]:
    """A quiet worker takes no more jobs, a draining one ends; it follows within two seconds."""
    wishes: dict[str, Literal["", "quiet", "drain"]] = {"wake": "", "quiet": "quiet", "drain": "drain"}
    if wish not in wishes:
        raise NotFound(f"A worker can be told {', '.join(wishes)}, not {wish!r}.")
    await doing.to_worker(board, actor_of_key(request), worker, wishes[wish])
    return for_operators(DoneView(done=True))


@post(
    "/queues/{priority:str}/{action:str}",
    opt=needs("operate"),
    status_code=OK,
    responses={OK: ResponseSpec(DoneView)},
    summary="Pause or resume a class of jobs",
    tags=TAGS,
)
async def act_on_queue(
    request: Asked, priority: FromPath[str], action: FromPath[str], board: NamedDependency[Board]
) -> Response[bytes]:
    """Workers leave a paused class alone within two seconds; its submissions wait, to their deadlines."""
    if priority not in CLASSES or action not in ("pause", "resume"):
        raise NotFound(f"The classes are {', '.join(CLASSES)}; each can be told pause and resume.")
    await doing.to_class(
        board,
        actor_of_key(request),
        "batch" if priority == "batch" else "interactive",
        paused=action == "pause",
    )
    return for_operators(DoneView(done=True))


@post(
    "/dead-letters/{action:str}",
    dto=JsonBody[LettersRequest],
    return_dto=None,
    opt=needs("operate"),
    status_code=OK,
    responses={OK: ResponseSpec(LettersDone)},
    summary="Requeue or purge dead letters",
    tags=TAGS,
)
async def act_on_letters(
    request: Asked, action: FromPath[str], data: JSONBody[LettersRequest], board: NamedDependency[Board]
) -> Response[bytes]:
    """Start a new job for each letter, or delete them."""
    if action not in ("requeue", "purge"):
        raise NotFound("Dead letters can be told requeue and purge.")
    what: LetterAction = "purge" if action == "purge" else "requeue"
    if bool(data.ids) == bool(data.reason):
        raise BadRequest("Name letters by `ids`, or all of a `reason`.")
    places = await doing.letters_meant(board, data.reason) if data.reason else data.ids
    if data.dry_run:
        return for_operators(LettersDone(places, dry_run=True))
    done = await doing.to_letters(board, actor_of_key(request), what, places, reason=data.reason or "")
    return for_operators(LettersDone(done))


def actor_of_key(request: Asked) -> Actor:
    """Who an API key is in the audit log."""
    client = client_of(request)
    return Actor(f"key {client.key_id}", role_of(client) or "operator")
