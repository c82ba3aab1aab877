"""/admin/breakers: which providers are resting, and a way to end that by hand."""

from typing import Literal

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from msgspec import Struct

from ingress.authentication import needs
from ingress.context import IngressContext
from shared.breakers import Seen
from shared.errors import NotFound
from shared.providers import provider_names

OK = 200


class BreakerView(Struct):
    """One provider's breaker: how long it still rests, and counts of its last calls."""

    provider: str
    state: Literal["closed", "open", "half_open"]
    retry_after_s: float
    failures: int
    calls: int
    trips: int


class BreakersView(Struct):
    """All of them, in the order in which providers are asked."""

    breakers: list[BreakerView]


@get(
    "/breakers",
    responses={OK: ResponseSpec(BreakersView, description="The breakers.")},
    opt=needs("admin"),
    summary="List the providers' breakers",
    tags=["administration"],
)
async def list_breakers(ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Return every provider's breaker as it is now."""
    return _json(BreakersView([_view(seen) for seen in await ctx.breakers.read(_known(ctx))]))


@post(
    "/breakers/{provider:str}/reset",
    status_code=OK,
    responses={OK: ResponseSpec(BreakerView, description="The breaker, closed.")},
    opt=needs("admin"),
    summary="Close a provider's breaker",
    tags=["administration"],
)
async def reset_breaker(provider: FromPath[str], ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Close the breaker now, instead of waiting for a probe; calls that are under way count for nothing."""
    if provider not in _known(ctx):
        raise NotFound(f"There is no provider {provider!r}; there are {', '.join(_known(ctx))}.")
    await ctx.breakers.reset(provider)
    [seen] = await ctx.breakers.read([provider])
    return _json(_view(seen))


def _known(ctx: IngressContext) -> tuple[str, ...]:
    return provider_names(ctx.settings)


def _view(seen: Seen) -> BreakerView:
    return BreakerView(
        provider=seen.provider,
        state=seen.phase,
        retry_after_s=seen.wait_ms / 1000,
        failures=seen.failures,
        calls=seen.calls,
        trips=seen.trips,
    )


def _json(view: BreakerView | BreakersView) -> Response[bytes]:
    return Response(
        msgspec.json.encode(view), media_type="application/json", headers={"Cache-Control": "no-store"}
    )
