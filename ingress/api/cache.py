"""POST /v1/cache/purge and DELETE /v1/cache/entries/{id}: what is stored is not served any more."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, delete, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from ingress.admission import check
from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from shared.clients import Client
from shared.errors import BadRequest, FieldError, PermissionDenied
from shared.purging import Kind, Purged

OK, NO_CONTENT = 200, 204
KINDS: tuple[Kind, ...] = ("namespace", "model", "tag")
ADMINS = frozenset({"model", "all"})
"""What takes an admin key: it reaches further than one's own work."""
EntryId = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}(\.[0-9]+)?$(?!\n)")]


class PurgeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to purge: exactly one of `entry`, `namespace`, `tag`, `model` and `all`."""

    entry: (
        Annotated[EntryId, Meta(description="`cache.entry_id` of an answer, or the id of its job")] | None
    ) = None
    namespace: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    tag: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    model: Annotated[str, Meta(min_length=1, max_length=256, description="admin keys only")] | None = None
    all: Annotated[bool, Meta(description="everything of the tenant; admin keys only")] = False
    tenant: (
        Annotated[str, Meta(min_length=1, description="for admin keys: whose; the default is their own")]
        | None
    ) = None


class PurgeView(Struct, kw_only=True):
    """A purge in force: what was asked for until `purged_at` (Unix seconds) is not served any more.

    `found` says whether an entry that was named was there.
    """

    object: Literal["cache.purge"] = "cache.purge"
    tenant: str
    kind: Literal["entry", "namespace", "tag", "model", "all"]
    value: str | None
    purged_at: float
    found: bool | None = None


@post(
    "/cache/purge",
    dto=JsonBody[PurgeRequest],
    return_dto=None,
    status_code=OK,
    responses={OK: ResponseSpec(PurgeView, description="The purge is in force.")},
    opt=needs("query"),
    summary="Purge stored answers",
    tags=["cache"],
)
async def purge_cache(
    request: Request[Any, Any, Any], data: JSONBody[PurgeRequest], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Purge one answer, or all of a namespace, a tag, a model or a tenant, however many there are."""
    client = client_of(request)
    kind, value = _selected(data)
    tenant = _tenant(client, data.tenant, kind)
    await _admit(request, ctx, client)
    if kind == "entry":
        purged = await _purge_entry(ctx, tenant, value)
    else:
        purged = await ctx.purge.by(tenant, kind, value)
    view = PurgeView(
        tenant=tenant, kind=kind, value=value or None, purged_at=purged.at_ms / 1000, found=purged.found
    )
    return Response(
        msgspec.json.encode(view),
        headers={"Cache-Control": "private, no-store"},
        media_type="application/json",
    )


@delete(
    "/cache/entries/{entry_id:str}",
    status_code=NO_CONTENT,
    opt=needs("query"),
    summary="Purge one stored answer",
    tags=["cache"],
)
async def delete_entry(
    request: Request[Any, Any, Any], entry_id: FromPath[str], ctx: NamedDependency[IngressContext]
) -> None:
    """Purge one answer by its entry's or its job's id; 204 also when there is none."""
    try:
        msgspec.convert(entry_id, EntryId)
    except msgspec.ValidationError:
        raise _bad("path:entry_id", "is neither an entry's nor a job's id") from None
    client = client_of(request)
    await _admit(request, ctx, client)
    await _purge_entry(ctx, client.tenant, entry_id)


async def _admit(request: Request[Any, Any, Any], ctx: IngressContext, client: Client) -> None:
    exchange = exchange_of(request.scope)
    exchange.rate = await ctx.admission.admit(client)
    check(exchange.rate)


async def _purge_entry(ctx: IngressContext, tenant: str, entry_id: str) -> Purged:
    return await ctx.purge.entry(tenant, entry_id.partition(".")[0])


def _selected(data: PurgeRequest) -> tuple[Kind | Literal["entry"], str]:
    found: list[tuple[Kind | Literal["entry"], str]] = [("all", "")] if data.all else []
    if data.entry is not None:
        found.append(("entry", data.entry))
    for kind in KINDS:
        value = getattr(data, kind)
        if value is not None:
            found.append((kind, value))
    if len(found) != 1:
        raise _bad("", "must name exactly one of entry, namespace, tag, model and all")
    return found[0]


def _tenant(client: Client, tenant: str | None, kind: str) -> str:
    """Whose answers are purged; raises PermissionDenied."""
    if client.role != "admin" and kind in ADMINS:
        raise PermissionDenied("To purge a model or everything takes an admin key.")
    if client.role != "admin" and tenant not in (None, client.tenant):
        raise PermissionDenied("Another tenant's answers take an admin key.")
    return tenant or client.tenant


def _bad(pointer: str, reason: str) -> BadRequest:
    return BadRequest(
        f"{pointer or 'The body'} {reason}.", errors=[FieldError(pointer=pointer, detail=reason)]
    )
