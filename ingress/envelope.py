"""What every request gets, whatever answers it: an id, a count, a metric, a log line and its headers."""

import contextlib
import logging
import re
import secrets
import time

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ingress import rate
from ingress.admission import Admission
from ingress.drain import Drain
from ingress.exchange import SCOPE_KEY, Exchange
from shared import logs, metrics
from shared.errors import RedisUnavailable

logger = logging.getLogger("ingress.access")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
QUIET = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""Probed every few seconds: counted, but not logged while they succeed."""


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, drain: Drain, admission: Admission) -> None:
        self._app = app
        self._drain = drain
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP passes through."""
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        exchange = Exchange(request_id=_request_id(Headers.from_scope(scope)), started=time.perf_counter())
        scope[SCOPE_KEY] = exchange  # type: ignore[literal-required]
        logs.request_id.set(exchange.request_id)
        status = 500

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                await self._charge(exchange)
                _add_headers(MutableScopeHeaders.from_message(message), exchange)
            await send(message)

        with self._drain.request():
            try:
                await self._app(scope, receive, send_enveloped)
            finally:
                exchange.endpoint = scope.get("path_template", exchange.endpoint)
                _record(scope, exchange, status)

    async def _charge(self, exchange: Exchange) -> None:
        """Take a token for a known key's request that was refused before it came to admission."""
        if exchange.client is None or exchange.rate is not None:
            return
        if exchange.log.get("code") == RedisUnavailable.code:
            # The buckets are where the request has just waited in vain: it need not wait twice.
            return
        with contextlib.suppress(RedisUnavailable):
            exchange.rate = await self._admission.admit(exchange.client)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(12)}"


def _add_headers(headers: MutableScopeHeaders, exchange: Exchange) -> None:
    headers["X-Request-ID"] = exchange.request_id
    if exchange.rate is not None:
        for name, value in rate.headers(exchange.rate).items():
            headers[name] = value
    for name, value in exchange.headers.items():
        headers[name] = value
    total_ms = (time.perf_counter() - exchange.started) * 1000
    spent = headers.get("server-timing", "")
    headers["Server-Timing"] = f"{spent}{', ' if spent else ''}total;dur={total_ms:.2f}"


def _record(scope: Scope, exchange: Exchange, status: int) -> None:
    elapsed = time.perf_counter() - exchange.started
    metrics.requests.labels(exchange.endpoint, str(status)).inc()
    metrics.request_duration.labels(exchange.endpoint).observe(elapsed)
    if exchange.endpoint in QUIET and status < 400:  # noqa: PLR2004 - the first status that is an error
        return
    logger.info(
        "request",
        extra={
            "method": scope.get("method"),
            "endpoint": exchange.endpoint,
            "status": status,
            "ms": round(elapsed * 1000, 2),
            "key": exchange.client.key_id if exchange.client else None,
            **exchange.log,
        },
    )
