"""/admin/keys: make, list, rotate and revoke API keys."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from shared.clients import DEFAULT_TENANT, DEFAULT_TIER, SCOPES_OF, Scope
from shared.errors import BadRequest, FieldError
from shared.key_store import NAME_PATTERN, NewKey, StoredKey
from shared.tiers import Tiers

OK, CREATED = 200, 201
DAY_MS = 86_400_000
Name = Annotated[str, Meta(pattern=rf"^{NAME_PATTERN.pattern}$(?!\n)")]


class KeyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a new key is for, and what it may do."""

    owner: Annotated[Name, Meta(description="whoever holds it: at most two of an owner's keys are active")]
    tenant: Name = DEFAULT_TENANT
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1)] = SCOPES_OF["user"]
    tier: Annotated[Name, Meta(description="whose limits it has")] = DEFAULT_TIER
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = None


class RotateRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the old key goes on beside its successor."""

    grace_s: Annotated[int, Meta(ge=0, le=2_592_000)] = 86_400


class KeyView(Struct, kw_only=True, omit_defaults=True):
    """A key; `key` itself is there once, in the answer that made it. Times are Unix seconds."""

    id: str
    object: Literal["api_key"] = "api_key"
    tenant: str
    owner: str
    scopes: tuple[Scope, ...]
    tier: str
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    key: str | None = None


class KeysView(Struct):
    """The stored keys, newest first; those of the environment are not among them."""

    keys: list[KeyView]


@post(
    "/keys",
    dto=JsonBody[KeyRequest],
    return_dto=None,
    status_code=CREATED,
    opt=needs("admin"),
    responses={CREATED: ResponseSpec(KeyView, description="The key, shown this once.")},
    summary="Make an API key",
    tags=["administration"],
)
async def create_key(
    request: Request[Any, Any, Any], data: JSONBody[KeyRequest], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Make a key and show it, this once: only its HMAC is kept."""
    key, stored = await ctx.key_store.create(new_key(data, ctx.tiers))
    _note(request, "create", stored)
    return _json(_view(stored, key), CREATED)


@get(
    "/keys",
    opt=needs("admin"),
    responses={OK: ResponseSpec(KeysView, description="The keys.")},
    summary="List the API keys",
    tags=["administration"],
)
async def list_keys(
    ctx: NamedDependency[IngressContext], tenant: FromQuery[str | None] = None
) -> Response[bytes]:
    """List the stored keys, of one tenant or of all."""
    return _json(KeysView([_view(stored) for stored in await ctx.key_store.all(tenant)]), OK)


@post(
    "/keys/{key_id:str}/rotate",
    dto=JsonBody[RotateRequest],
    return_dto=None,
    status_code=CREATED,
    opt=needs("admin"),
    responses={CREATED: ResponseSpec(KeyView, description="The successor, shown this once.")},
    summary="Replace an API key",
    tags=["administration"],
)
async def rotate_key(
    request: Request[Any, Any, Any],
    key_id: FromPath[str],
    data: JSONBody[RotateRequest],
    ctx: NamedDependency[IngressContext],
) -> Response[bytes]:
    """Make the key's successor; the old one ends after the grace, so that both work meanwhile."""
    key, stored = await ctx.key_store.rotate(key_id, grace_ms=data.grace_s * 1000)
    _note(request, "rotate", stored)
    return _json(_view(stored, key), CREATED)


@delete(
    "/keys/{key_id:str}",
    status_code=OK,
    opt=needs("admin"),
    responses={OK: ResponseSpec(KeyView, description="The key, ended.")},
    summary="Revoke an API key",
    tags=["administration"],
)
async def revoke_key(
    request: Request[Any, Any, Any], key_id: FromPath[str], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """End a key: every ingress refuses it within five seconds."""
    revoked = await ctx.key_store.revoke(key_id)
    _note(request, "revoke", revoked)
    return _json(_view(revoked), OK)


def new_key(data: KeyRequest, tiers: Tiers) -> NewKey:
    """The key that is asked for; raises BadRequest for a tier that there is not."""
    if data.tier not in tiers.known:
        reason = f"is not a tier; there are {', '.join(tiers.known)}"
        raise BadRequest(f"/tier {reason}", errors=[FieldError(pointer="/tier", detail=reason)])
    lives_ms = None if data.expires_in_days is None else data.expires_in_days * DAY_MS
    return NewKey(tenant=data.tenant, owner=data.owner, scopes=data.scopes, tier=data.tier, lives_ms=lives_ms)


def _note(request: Request[Any, Any, Any], action: str, stored: StoredKey) -> None:
    exchange_of(request.scope).log.update(action=action, subject=stored.key_id, by=client_of(request).key_id)


def _view(stored: StoredKey, key: str | None = None) -> KeyView:
    return KeyView(
        id=stored.key_id,
        tenant=stored.tenant,
        owner=stored.owner,
        scopes=stored.scopes,
        tier=stored.tier,
        created_at=stored.created_at_ms // 1000,
        expires_at=_seconds(stored.expires_at_ms),
        revoked_at=_seconds(stored.revoked_at_ms),
        last_used_at=_seconds(stored.used_at_ms),
        key=key,
    )


def _seconds(ms: int | None) -> int | None:
    return None if ms is None else ms // 1000


def _json(view: KeyView | KeysView, status: int) -> Response[bytes]:
    return Response(
        msgspec.json.encode(view),
        status_code=status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
