"""Who may look: a session's cookie, the role that a page takes, and the token that forms send back."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler

from ingress.authentication import OPEN, SCOPE
from shared.errors import BadRequest, PermissionDenied
from shared.sessions import DashboardRole, Session, Sessions

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]
COOKIE: Final = "sentinel_session"
ROLE: Final = "role"
SESSION: Final = "session"
FIELDS_MAX: Final = 1_000
SAFE_SITES: Final = frozenset({"same-origin", "none", ""})


class NotSignedIn(Exception):
    """Whoever asks has no session, or one that has ended."""


def seen_by(role: DashboardRole | None) -> dict[str, Any]:
    """What a page gives as its `opt`: the least role that may reach it; None for everybody."""
    # API keys do not open pages, so the guard of keys lets them through to ours.
    return {SCOPE: OPEN, ROLE: role or OPEN}


def signed_in(sessions: Callable[[], Sessions]) -> Guard:
    """Make the guard of all pages; raises NotSignedIn and PermissionDenied.

    A page without a role is closed.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        role = handler.opt.get(ROLE)
        if role == OPEN:
            return
        token = connection.cookies.get(COOKIE, "")
        session = await sessions().find(token) if token else None
        if session is None:
            raise NotSignedIn
        if role is None or not session.may(role):
            raise PermissionDenied(f"This page takes the role {role}; yours is {session.role}.")
        connection.state[SESSION] = session

    return guard


def session_of(request: Request[Any, Any, Any]) -> Session:
    """Whose request it is, on a page that takes a role."""
    session: Session = request.state[SESSION]
    return session


async def form_of(request: Request[Any, Any, Any]) -> dict[str, list[str]]:
    """Read a form, whoever sent it; raises BadRequest."""
    if request.headers.get("sec-fetch-site", "") not in SAFE_SITES:
        raise PermissionDenied("Forms of other sites are not taken.")
    try:
        pairs = parse_qsl(
            (await request.body()).decode(),
            keep_blank_values=True,
            max_num_fields=FIELDS_MAX,
            errors="strict",
        )
    except ValueError as error:
        raise BadRequest("The form cannot be read.") from error
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form


async def posted(request: Request[Any, Any, Any]) -> dict[str, list[str]]:
    """Read a form of the session's own; raises PermissionDenied for one that others made."""
    form = await form_of(request)
    if not hmac.compare_digest(first(form, "csrf").encode(), session_of(request).csrf.encode()):
        raise PermissionDenied(
            "This form is not one of yours, or it is of an earlier session: go back and try again."
        )
    return form


def first(form: Mapping[str, list[str]], name: str) -> str:
    """A field's only value, or ''."""
    return form.get(name, [""])[0]


def cookie_of(session: Session | None, *, lives_s: float, secure: bool) -> Cookie:
    """The cookie that keeps somebody signed in; None ends it."""
    return Cookie(
        key=COOKIE,
        value=session.token if session else "",
        max_age=int(lives_s) if session else 0,
        path="/dashboard",
        httponly=True,
        secure=secure,
        samesite="strict",
    )
