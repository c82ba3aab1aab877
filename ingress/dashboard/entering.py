"""Signing in with a key or a one-time link, signing out, and what never needs either."""

from importlib import resources
from typing import Annotated, Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from ingress.dashboard.board import Board
from ingress.dashboard.rendering import HEADERS, page
from ingress.dashboard.signing_in import cookie_of, first, form_of, posted, seen_by, session_of
from shared.errors import InvalidKey, NotFound
from shared.sessions import Session, role_of

SEE_OTHER: Final = 303
REFUSED: Final = 422
KINDS = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"


@get("/login", opt=seen_by(None), include_in_schema=False)
async def ask_in(request: Request[Any, Any, Any], board: NamedDependency[Board]) -> Response[str]:
    """Ask for a key."""
    return page(board.ctx, request, "login.html", go=False, enter="", wrong="")


@post("/login", opt=seen_by(None), include_in_schema=False, status_code=SEE_OTHER)
async def let_in(request: Request[Any, Any, Any], board: NamedDependency[Board]) -> Response[Any]:
    """Sign in with a key that may look."""
    key = first(await form_of(request), "key").strip()
    try:
        client = await board.ctx.callers.identify(key)
    except InvalidKey as error:
        return _refused(board, request, error.detail)
    role = role_of(client)
    if role is None:
        return _refused(board, request, "This key has none of the scopes view, operate and admin.")
    digest = await _stored_digest(board, key)
    session = await board.sessions.begin(role, f"key {client.key_id}", key_digest=digest)
    await board.audit.note(by=session.name, role=role, action="sign in", subject="dashboard")
    return _welcome(board, request, session)


@get("/enter", opt=seen_by(None), include_in_schema=False)
async def show_link(
    request: Request[Any, Any, Any],
    board: NamedDependency[Board],
    link: Annotated[str, QueryParameter()] = "",
) -> Response[str]:
    """Show a button: a link that is fetched by a preview is not used up."""
    return page(board.ctx, request, "login.html", go=False, enter=link, wrong="")


@post("/enter", opt=seen_by(None), include_in_schema=False, status_code=SEE_OTHER)
async def use_link(request: Request[Any, Any, Any], board: NamedDependency[Board]) -> Response[Any]:
    """Sign in with a one-time link."""
    session = await board.sessions.redeem(first(await form_of(request), "link"))
    if session is None:
        return _refused(
            board, request, "This link was used before, or it is too old: `sentinel dashboard` makes one."
        )
    await board.audit.note(by=session.name, role=session.role, action="sign in", subject="dashboard")
    return _welcome(board, request, session)


@post("/logout", opt=seen_by("viewer"), include_in_schema=False, status_code=SEE_OTHER)
async def let_out(request: Request[Any, Any, Any], board: NamedDependency[Board]) -> Response[Any]:
    """Sign out."""
    await posted(request)
    await board.sessions.end(session_of(request))
    reply = Redirect("/dashboard/login", status_code=SEE_OTHER)
    reply.set_cookie(cookie_of(None, lives_s=0, secure=_is_secure(board, request)))
    return reply


@get("/static/{version:str}/{name:str}", opt=seen_by(None), include_in_schema=False)
async def asset(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:  # noqa: ARG001 - names the release
    """Return one of the dashboard's own files."""
    kind = KINDS.get(name.rpartition(".")[2])
    file = resources.files("ingress.dashboard") / "static" / name
    if kind is None or "/" in name or not file.is_file():
        raise NotFound("There is no such file.")
    headers = dict(HEADERS) | {"Cache-Control": FOREVER}
    return Response(file.read_bytes(), media_type=kind, headers=headers)


def _refused(board: Board, request: Request[Any, Any, Any], why: str) -> Response[str]:
    return page(board.ctx, request, "login.html", status=REFUSED, go=False, enter="", wrong=why)


def _welcome(board: Board, request: Request[Any, Any, Any], session: Session) -> Response[str]:
    # Not a redirect: one that another site's link led to would arrive without its strict cookie.
    reply = page(board.ctx, request, "login.html", go=True, enter="", wrong="")
    reply.set_cookie(
        cookie_of(session, lives_s=board.ctx.settings.session_s, secure=_is_secure(board, request))
    )
    return reply


def _is_secure(board: Board, request: Request[Any, Any, Any]) -> bool:
    return request.url.scheme == "https" or board.ctx.settings.env == "production"


async def _stored_digest(board: Board, key: str) -> str:
    """The digest under which a stored key lives; '' for one of the environment, which ends with a restart."""
    stored, _ = await board.ctx.key_store.find(key)
    return board.ctx.key_store.digest(key) if stored is not None else ""
