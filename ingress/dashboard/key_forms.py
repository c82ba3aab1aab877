"""The forms of the keys' page: make a key, replace one, end one."""

from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from ingress.api.keys import KeyRequest, RotateRequest, new_key
from ingress.dashboard import doing
from ingress.dashboard.board import Board
from ingress.dashboard.doing import actor_of
from ingress.dashboard.forms import SEE_OTHER, back
from ingress.dashboard.rendering import page
from ingress.dashboard.signing_in import first, posted, seen_by, session_of
from shared.errors import BadRequest
from shared.key_store import StoredKey

Asked = Request[Any, Any, Any]
Kind = TypeVar("Kind")


@post("/keys", opt=seen_by("admin"), include_in_schema=False, status_code=200)
async def make_key(request: Asked, board: NamedDependency[Board]) -> Response[Any]:
    """Make a key, and show it this once: in the answer itself, as no address may hold it."""
    form = await posted(request)
    given: dict[str, object] = {name: first(form, name) for name in ("owner", "tenant", "tier")}
    given["scopes"] = form.get("scopes", [])
    given["expires_in_days"] = first(form, "expires_in_days") or None
    wanted = new_key(_read(given, KeyRequest), board.ctx.tiers)
    return _shown(request, board, *await doing.create_key(board, actor_of(session_of(request)), wanted))


@post("/keys/{key_id:str}/rotate", opt=seen_by("admin"), include_in_schema=False, status_code=200)
async def replace_key(request: Asked, key_id: FromPath[str], board: NamedDependency[Board]) -> Response[Any]:
    """Make a key's successor, and show it this once; the old one goes on for the grace."""
    form = await posted(request)
    grace_s = _read({"grace_s": first(form, "grace_s") or "0"}, RotateRequest).grace_s
    made = await doing.rotate_key(board, actor_of(session_of(request)), key_id, grace_ms=grace_s * 1000)
    return _shown(request, board, *made)


@post("/keys/{key_id:str}/revoke", opt=seen_by("admin"), include_in_schema=False, status_code=SEE_OTHER)
async def end_key(request: Asked, key_id: FromPath[str], board: NamedDependency[Board]) -> Redirect:
    """End an API key."""
    await posted(request)
    await doing.revoke_key(board, actor_of(session_of(request)), key_id)
    return back("/keys", "revoked")


def _read(given: dict[str, object], kind: type[Kind]) -> Kind:
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise BadRequest(f"{error}.") from None


def _shown(request: Asked, board: Board, key: str, stored: StoredKey) -> Response[str]:
    return page(
        board.ctx, request, "key.html", session_of(request), here="/keys", status=201, key=key, stored=stored
    )
