"""The forms that mean many at once: each says first how many it means, and is done when that was seen."""

from typing import Any, Final, cast, get_args
from urllib.parse import parse_qsl

from litestar import Request, Response, post
from litestar.di import NamedDependency

from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import BULK_MAX, actor_of
from ingress.dashboard.filters import read_filter
from ingress.dashboard.forms import LETTERS_DONE, NAMES, SEE_OTHER, back, job_action, letter_action
from ingress.dashboard.rendering import page
from ingress.dashboard.signing_in import first, posted, seen_by, session_of
from shared.errors import BadRequest
from shared.purging import Kind

Asked = Request[Any, Any, Any]
KINDS: Final = get_args(Kind)


@post("/bulk", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def act_on_all(request: Asked, board: NamedDependency[Board]) -> Response[Any]:
    """Say how many jobs an action by filter means; do it once that was seen."""
    form = await posted(request)
    action = job_action(first(form, "action"))
    asked = read_filter(dict(parse_qsl(first(form, "filter"))))
    jobs = await doing.meant(board, asked)
    if first(form, "sure"):
        count = await doing.to_all(board, actor_of(session_of(request)), action, asked, jobs.job_ids)
        return back(f"/jobs?{asked.query}", "bulk", count)
    count = len(jobs.job_ids)
    return _ask(
        request,
        board,
        name=NAMES[action],
        action=action,
        meant=f"{_fit(count, 'job', capped=jobs.capped)}: {asked.describe()}.",
        count=count,
        fields={"filter": asked.query},
        post_to="/dashboard/bulk",
        back=asked.first,
    )


@post("/dead/all", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def act_on_letters_of_a_reason(request: Asked, board: NamedDependency[Board]) -> Response[Any]:
    """Say how many dead letters have a reason; requeue or delete them once that was seen."""
    form = await posted(request)
    action = letter_action(form)
    reason = first(form, "reason")
    places = await doing.letters_meant(board, reason)
    if first(form, "sure"):
        done = await doing.to_letters(board, actor_of(session_of(request)), action, places, reason=reason)
        return back("/dead", LETTERS_DONE[action], len(done))
    return _ask(
        request,
        board,
        name=f"{action.capitalize()} dead letters",
        action=action,
        meant=f"{_fit(len(places), 'letter', capped=len(places) == BULK_MAX)}: {reason}.",
        count=len(places),
        fields={"reason": reason},
        post_to="/dashboard/dead/all",
        back="/dashboard/dead",
    )


@post("/cache/purge", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def purge_entries(request: Asked, board: NamedDependency[Board]) -> Response[Any]:
    """Purge one stored answer; or all of a tenant's with a label, once it was said what that means."""
    form = await posted(request)
    actor, tenant = actor_of(session_of(request)), first(form, "tenant").strip()
    if first(form, "id"):
        done = await doing.purge_entry(board, actor, tenant, first(form, "id"))
        return back("/cache", "purged" if done.done else "nothing")
    kind, value = _kind(first(form, "kind")), first(form, "value").strip()
    if not tenant or (kind != "all" and not value):
        raise BadRequest("Name a tenant, and what to purge of it.")
    if first(form, "sure"):
        await doing.purge_all(board, actor, tenant, kind, value)
        return back("/cache", "purged_all")
    what = "everything" if kind == "all" else f"all of the {kind} {value!r}"
    listed = await doing.entries_meant(board, tenant, kind, value)
    return _ask(
        request,
        board,
        name="Purge answers",
        action="purge",
        meant=f"of the newest {BULK_MAX:,} answers, and all older ones, are of tenant {tenant!r}, {what}.",
        count=listed,
        fields={"tenant": tenant, "kind": kind, "value": value},
        post_to="/dashboard/cache/purge",
        back="/dashboard/cache",
        older=True,
    )


def _ask(
    request: Asked,
    board: Board,
    *,
    name: str,
    action: str,
    meant: str,
    count: int,
    fields: dict[str, str],
    post_to: str,
    back: str,
    older: bool = False,
) -> Response[str]:
    """`meant` goes on from the count; `older` when there may be something to do beyond it."""
    return page(
        board.ctx,
        request,
        "confirm.html",
        session_of(request),
        here=back.removeprefix("/dashboard").partition("?")[0],
        name=name,
        action=action,
        meant=meant,
        count=count,
        fields=fields,
        post_to=post_to,
        back=back,
        button=f"{name}: {count}" if count or older else "",
    )


def _fit(count: int, what: str, *, capped: bool) -> str:
    told = f"{what} fits" if count == 1 else f"{what}s fit"
    return f"{told} (the first {count}; repeat for the rest)" if capped else told


def _kind(given: str) -> Kind:
    if given in KINDS:
        return cast("Kind", given)
    raise BadRequest(f"{given!r} is nothing that answers can be purged by.")
