"""GET /v1/usage: what a key, or for admins a tenant, has used, spent and saved."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery, QueryParameter
from msgspec import Struct

from ingress.admission import FREE, check
from ingress.authentication import client_of, needs
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from shared.clients import Client
from shared.errors import BadRequest, FieldError, PermissionDenied
from shared.usage_report import GroupBy, Summary, day_of, summaries, today, total

OK = 200
DEFAULT_DAYS = 30
DAYS_MAX = 400
"""As long as a ledger is kept."""

Day = Annotated[str, QueryParameter(description="RFC 3339 full-date (UTC), inclusive", required=False)]


class UsageView(Struct, kw_only=True):
    """What was used from one day to another (UTC, both included); `key_id` is null for a whole tenant."""

    object: Literal["usage"] = "usage"
    tenant: str
    key_id: str | None
    from_: str = msgspec.field(name="from")
    to: str
    group_by: GroupBy
    total: Summary
    groups: list[Summary]


@get(
    "/usage",
    responses={OK: ResponseSpec(UsageView, description="What was used.")},
    return_dto=None,
    opt=needs("jobs"),
    summary="Read what was used, spent and saved",
    tags=["operations"],
)
async def read_usage(
    request: Request[Any, Any, Any],
    ctx: NamedDependency[IngressContext],
    since: Annotated[Day, QueryParameter(name="from")] = "",
    until: Annotated[Day, QueryParameter(name="to")] = "",
    group_by: FromQuery[GroupBy] = "day",
    tenant: Annotated[
        str, QueryParameter(description="for admin keys: whose; the default is their own")
    ] = "",
) -> Response[bytes]:
    """Return the ledger of one's own key, or with an admin key of a tenant, for up to 400 days."""
    exchange = exchange_of(request.scope)
    client = client_of(request)
    exchange.rate = await ctx.admission.admit(client, FREE)
    check(exchange.rate)
    whose, key_id = _whose(client, tenant)
    first, last = days(since, until, today(exchange.rate.now_ms / 1000))
    found = await ctx.ledger.lines(whose, range(day_of(first), day_of(last) + 1))
    lines = [line for line in found if key_id in (None, line.key_id)]
    view = UsageView(
        tenant=whose,
        key_id=key_id,
        from_=first.isoformat(),
        to=last.isoformat(),
        group_by=group_by,
        total=total(lines),
        groups=summaries(lines, group_by),
    )
    return Response(
        msgspec.json.encode(view),
        headers={"Cache-Control": "private, no-store"},
        media_type="application/json",
    )


def days(since: str, until: str, latest: date) -> tuple[date, date]:
    """Read a range of days; raises BadRequest. Without a beginning it is the 30 days up to the end."""
    last = _date("to", until) if until else latest
    first = _date("from", since) if since else last - timedelta(days=DEFAULT_DAYS - 1)
    if first > last:
        raise _bad("from", f"is after `to` ({last.isoformat()})")
    if (last - first).days >= DAYS_MAX:
        raise _bad("from", f"is more than {DAYS_MAX} days before `to`")
    return first, last


def _date(name: str, text: str) -> date:
    try:
        return msgspec.convert(text, date)
    except msgspec.ValidationError:
        raise _bad(name, "is not a date like 2026-11-24") from None


def _bad(name: str, reason: str) -> BadRequest:
    return BadRequest(f"query:{name} {reason}", errors=[FieldError(pointer=f"query:{name}", detail=reason)])


def _whose(client: Client, tenant: str) -> tuple[str, str | None]:
    """The tenant and the key whose lines are shown: users see their own key's alone."""
    if client.role == "admin":
        return tenant or client.tenant, None
    if tenant and tenant != client.tenant:
        raise PermissionDenied("Another tenant's usage needs an admin key.")
    return client.tenant, client.key_id
