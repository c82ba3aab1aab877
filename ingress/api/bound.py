"""GET /admin/cache/bound: how often semantic hits are wrong, by tenant and policy, as far as is known."""

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from msgspec import Struct

from ingress.authentication import needs
from ingress.context import IngressContext
from shared.bound_report import Row, row_of

OK = 200


class BoundView(Struct):
    """Every tenant under every policy that it met lately, the last to learn first."""

    policies: list[Row]


@get(
    "/cache/bound",
    responses={OK: ResponseSpec(BoundView, description="What is known of hits.")},
    opt=needs("admin"),
    summary="Show how often semantic hits are wrong",
    tags=["administration"],
)
async def show_bound(ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Return thresholds, estimates and their 99 % intervals."""
    rows = [row_of(known, ctx.settings) for known in await ctx.feedback.store.all()]
    return Response(
        msgspec.json.encode(BoundView(rows)),
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
