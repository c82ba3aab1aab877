"""The dashboard's routes, put together: its own guard, and errors as pages."""

from collections.abc import Callable
from typing import Any, Final

from litestar import Request, Response, Router
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from ingress.dashboard import (
    budget_forms,
    bulk_forms,
    entering,
    entries,
    forms,
    key_forms,
    live,
    pages,
    records,
)
from ingress.dashboard.board import Board
from ingress.dashboard.rendering import HEADERS, page
from ingress.dashboard.signing_in import SESSION, NotSignedIn, signed_in
from ingress.problems import problem_response, translate
from shared.errors import SentinelError

SEE_OTHER: Final = 303


def dashboard(board: Callable[[], Board]) -> Router:
    """Serve the dashboard at /dashboard; `board` is asked for with the first request."""

    def error_page(request: Request[Any, Any, Any], error: SentinelError) -> Response[Any]:
        session = request.scope.get("state", {}).get(SESSION)
        if session is None:
            reply: Response[Any] = problem_response(request, error)
            reply.headers.update(HEADERS)
            return reply
        return page(
            board().ctx,
            request,
            "problem.html",
            session,
            status=error.status,
            title=error.title,
            detail=error.detail,
        )

    def http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        return error_page(request, translate(error))

    return Router(
        "/dashboard",
        route_handlers=[
            *(entering.ask_in, entering.let_in, entering.show_link, entering.use_link, entering.let_out),
            entering.asset,
            *(pages.show_overview, pages.show_jobs, pages.show_job),
            *(pages.show_workers, pages.show_queues, pages.show_stuck),
            *(records.show_dead, records.show_cache, records.show_keys, records.show_audit),
            *(entries.show_entry, entries.reveal_entry),
            *(forms.act_on_job, forms.act_on_letters),
            *(forms.act_on_worker, forms.act_on_class),
            *(bulk_forms.act_on_all, bulk_forms.act_on_letters_of_a_reason, bulk_forms.purge_entries),
            budget_forms.set_budget,
            *(key_forms.make_key, key_forms.replace_key, key_forms.end_key),
            *(live.follow_page, live.follow_one),
        ],
        guards=[signed_in(lambda: board().sessions)],
        exception_handlers={
            NotSignedIn: _sign_in,
            SentinelError: error_page,
            HTTPException: http_error,
        },
    )


def _sign_in(_request: Request[Any, Any, Any], _error: NotSignedIn) -> Response[Any]:
    return Redirect("/dashboard/login", status_code=SEE_OTHER)
