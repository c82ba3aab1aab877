"""Who asks, and whether the route is open to them: every route says which scope it needs."""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Literal

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ingress.callers import Callers
from ingress.exchange import exchange_of
from shared.clients import Client, Scope
from shared.errors import InvalidKey, NotFound, PermissionDenied
from shared.settings import Settings

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]
SCOPE: Final = "scope"
"""The key of a route's `opt` under which it names a scope, or `open`."""
OPEN: Final = "open"
DASHBOARD: Final = "/dashboard"
UNLESS: Final = "unless"
"""The key under which it names the setting that may close it."""


def needs(
    scope: Scope | Literal["open"], *, unless: Literal["metrics_access", "docs_access"] | None = None
) -> dict[str, str]:
    """What a route gives as its `opt`, to be reached with keys of a scope, or by everybody.

    `unless` names the setting by which an operator may close an open route; whatever has one, and whatever is
    for administrators, moves to the administrators' port if there is one.
    """
    return {SCOPE: scope} if unless is None else {SCOPE: scope, UNLESS: unless}


def presented_key(api_key: str | None, authorization: str | None) -> str | None:
    """Take the key out of the headers; X-API-Key goes first. Raises InvalidKey for two that differ."""
    scheme, _, bearer = (authorization or "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else None
    if api_key and token and api_key != token:
        raise InvalidKey("X-API-Key and Authorization carry different keys; send one.")
    return api_key or token or None


def decided(handler: BaseRouteHandler, settings: Settings) -> str | None:
    """Which scope a route needs under these settings; raises NotFound where it is closed."""
    needed: str | None = handler.opt.get(SCOPE)
    access = getattr(settings, handler.opt.get(UNLESS, ""), OPEN)
    if access == "closed":
        raise NotFound("There is nothing at this address.")
    return "metrics" if access == "key" else needed


def is_private(handler: BaseRouteHandler, template: str) -> bool:
    """Whether a route is for those who run the gateway, and belongs on their port if there is one."""
    return handler.opt.get(SCOPE) == "admin" or UNLESS in handler.opt or template.startswith(DASHBOARD)


def authorised(callers: Callers, settings: Settings) -> Guard:
    """Make the guard of all routes: it notes who asks, and raises InvalidKey or PermissionDenied.

    It goes by the route that was matched, never by the text of the address. A route that names no scope is
    closed to everybody.
    """

    # A coroutine also where it awaits nothing: Litestar runs plain functions in a thread.
    async def guard(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
        server = connection.scope.get("server")
        # The port that the connection came in by, which no header of a caller can change.
        elsewhere = settings.admin_port and (server is None or server[1] != settings.admin_port)
        if elsewhere and is_private(handler, connection.scope["path_template"]):
            raise NotFound("There is nothing at this address on this port.")
        needed = decided(handler, settings)
        if needed == OPEN:
            return
        headers = connection.headers
        key = presented_key(headers.get("x-api-key"), headers.get("authorization"))
        client = exchange_of(connection.scope).client = await callers.identify(key)
        if needed not in client.scopes:
            raise PermissionDenied(f"This address needs a key with the scope {needed!r}.")

    return guard


def client_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Client:
    """The authenticated client of a guarded route."""
    client = exchange_of(connection.scope).client
    if client is None:
        raise InvalidKey("This route was reached without a key.")
    return client
