"""The forms of pages: what operators do with a click, one by one or by filter."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import ACTIONS, JobAction, LetterAction, actor_of
from ingress.dashboard.signing_in import first, posted, seen_by, session_of
from shared.errors import BadRequest, NotFound
from shared.fleet_control import Wish
from shared.submissions import CLASSES

Asked = Request[Any, Any, Any]
SEE_OTHER: Final = 303
NAMES: dict[str, str] = {
    "cancel": "Cancel",
    "promote": "Put first",
    "retry": "Ask again",
    "retry_bypass": "Ask again past the cache",
}
DONE = {"cancel": "cancelled", "promote": "promoted", "retry": "retried", "retry_bypass": "retried"}
LETTERS_DONE: dict[LetterAction, str] = {"requeue": "requeued", "purge": "deleted"}
WISHES: dict[str, Wish] = {"": "", "quiet": "quiet", "drain": "drain"}


@post(
    "/jobs/{job_id:str}/{action:str}", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER
)
async def act_on_job(
    request: Asked, job_id: FromPath[str], action: FromPath[str], board: NamedDependency[Board]
) -> Redirect:
    """Cancel, promote, ask again, reveal, or call the answer wrong."""
    await posted(request)
    session = session_of(request)
    actor = actor_of(session)
    if action == "reveal":
        await doing.reveal(board, actor, session, job_id)
        return back(f"/jobs/{quote(job_id)}", "revealed")
    if action == "wrong":
        found = await doing.call_wrong(board, actor, job_id)
        return back(f"/jobs/{quote(job_id)}", "purged" if found.done else "nothing")
    what = job_action(action.replace("-", "_"))
    done = await doing.to_job(board, actor, what, job_id)
    return back(f"/jobs/{quote(done.job_id)}", DONE[what] if done.done else "too_late")


@post("/dead", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def act_on_letters(request: Asked, board: NamedDependency[Board]) -> Redirect:
    """Requeue dead letters, or delete them."""
    form = await posted(request)
    action = letter_action(form)
    done = await doing.to_letters(board, actor_of(session_of(request)), action, form.get("id", []))
    return back("/dead", LETTERS_DONE[action], len(done))


@post("/workers/{worker:str}/wish", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def act_on_worker(request: Asked, worker: FromPath[str], board: NamedDependency[Board]) -> Redirect:
    """Quiet a worker, wake it, or drain it."""
    form = await posted(request)
    wish = first(form, "wish")
    if wish not in WISHES:
        raise BadRequest(f"{wish!r} is no wish.")
    await doing.to_worker(board, actor_of(session_of(request)), worker, WISHES[wish])
    return back("/workers", "wish")


@post("/queues/{priority:str}", opt=seen_by("operator"), include_in_schema=False, status_code=SEE_OTHER)
async def act_on_class(request: Asked, priority: FromPath[str], board: NamedDependency[Board]) -> Redirect:
    """Pause a class of jobs, or resume it."""
    form = await posted(request)
    if priority not in CLASSES:
        raise NotFound(f"There is no class {priority!r}.")
    paused = first(form, "paused") == "1"
    await doing.to_class(
        board, actor_of(session_of(request)), "batch" if priority == "batch" else "interactive", paused=paused
    )
    return back("/queues", "paused" if paused else "resumed")


def job_action(name: str) -> JobAction:
    """An action by its name; raises NotFound."""
    for action in ACTIONS:
        if action == name:
            return action
    raise NotFound(f"There is no action {name!r}.")


def letter_action(form: Mapping[str, list[str]]) -> LetterAction:
    """What is to be done to dead letters."""
    return "purge" if first(form, "action") == "purge" else "requeue"


def back(path: str, done: str, count: int | None = None) -> Redirect:
    """Lead to a page that says what was done."""
    mark = "&" if "?" in path else "?"
    number = "" if count is None else f"&n={count}"
    return Redirect(f"/dashboard{path}{mark}done={done}{number}", status_code=SEE_OTHER)
