"""Who asks: the API key of a request, from `X-API-Key` or `Authorization: Bearer`."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from ingress.exchange import exchange_of
from shared.clients import Client, KeyRing
from shared.errors import InvalidKey, PermissionDenied

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


def presented_key(api_key: str | None, authorization: str | None) -> str | None:
    """Take the key out of the headers; X-API-Key goes first. Raises InvalidKey for two that differ."""
    scheme, _, bearer = (authorization or "").partition(" ")
    token = bearer.strip() if scheme.lower() == "bearer" else None
    if api_key and token and api_key != token:
        raise InvalidKey("X-API-Key and Authorization carry different keys; send one.")
    return api_key or token or None


def authenticated(ring: KeyRing) -> Guard:
    """Make a guard that lets known keys in and notes whose they are; raises InvalidKey."""

    # Coroutines, although they await nothing: Litestar runs plain functions in a thread.
    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        headers = connection.headers
        key = presented_key(headers.get("x-api-key"), headers.get("authorization"))
        exchange_of(connection.scope).client = ring.identify(key)

    return guard


async def admin_only(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
    """Let admins in; raises PermissionDenied."""
    if client_of(connection).role != "admin":
        raise PermissionDenied("This address needs an admin key.")


def client_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Client:
    """The authenticated client of a guarded route."""
    client = exchange_of(connection.scope).client
    if client is None:
        raise InvalidKey("This route was reached without a key.")
    return client
