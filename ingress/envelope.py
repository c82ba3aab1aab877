"""What every request gets, whatever answers it: an id, a count, a metric, a log line and its headers."""

import contextlib
import logging
import time

from litestar.datastructures import Headers, MutableScopeHeaders
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from ingress import rate, request_id
from ingress.admission import Admission
from ingress.drain import Drain
from ingress.exchange import LOOKED_KEY, SCOPE_KEY, Exchange
from ingress.request_span import describe
from ingress.route_metrics import RouteMetrics
from ingress.timed_body import TimedBody
from shared import logs, traceparent, tracing
from shared.errors import RedisUnavailable
from shared.settings import Settings

logger = logging.getLogger("ingress.access")

PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""For pages that name none of their own: Swagger UI starts itself with a script in its page."""
CUT_SHORT = frozenset({408, 413})
"""Answers to a body that has not been read to its end."""
QUIET = frozenset({"/livez", "/readyz", "/health", "/metrics"})
"""Probed every few seconds: counted, but not logged while they succeed."""


class Envelope:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, drain: Drain, admission: Admission, settings: Settings) -> None:
        self._app = app
        self._drain = drain
        self._admission = admission
        self._routes = RouteMetrics()
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP passes through."""
        if str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        asked = Headers.from_scope(scope)
        exchange = Exchange(
            request_id=request_id.of(asked.get("x-request-id", "")),
            started=time.perf_counter(),
            looked=scope.get(LOOKED_KEY),  # type: ignore[arg-type]
        )
        scope[SCOPE_KEY] = exchange  # type: ignore[literal-required]
        logs.request_id.set(exchange.request_id)
        traceparent.current.set(traceparent.valid(asked.get(traceparent.HEADER, "")))
        if scope["path"] in QUIET:
            await self._answer(exchange, tracing.NOTHING, scope, receive, send)
            return
        with tracing.span("request", "server", root=tracing.begins()) as span:
            await self._answer(exchange, span, scope, receive, send)

    async def _answer(
        self, exchange: Exchange, span: tracing.Span, scope: Scope, receive: Receive, send: Send
    ) -> None:
        status = 500
        body = TimedBody(receive, read_s=self._settings.read_s, bytes_per_s=self._settings.read_bytes_per_s)

        async def send_enveloped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", [])
                await self._charge(exchange)
                headers = MutableScopeHeaders.from_message(message)
                _add_headers(headers, exchange)
                if self._drain.draining or status in CUT_SHORT:
                    # Else its next request may arrive just as the connection is closed (RFC 9112, 9.6), or
                    # the rest of this one goes on arriving.
                    headers["Connection"] = "close"
            await send(message)

        with self._drain.request():
            try:
                await self._app(scope, body, send_enveloped)
            finally:
                exchange.endpoint = scope.get("path_template", exchange.endpoint)
                elapsed_s = time.perf_counter() - exchange.started
                self._routes.count(exchange.endpoint, status, elapsed_s)
                _log(scope, exchange, status, elapsed_s)
                if span.recorded:
                    method = str(scope.get("method"))
                    describe(span, method, exchange.endpoint, status, exchange.request_id, exchange.log)

    async def _charge(self, exchange: Exchange) -> None:
        """Take a token for a known key's request that was refused before it came to admission."""
        if exchange.client is None or exchange.rate is not None:
            return
        if exchange.log.get("code") == RedisUnavailable.code:
            # The buckets are where the request has just waited in vain: it need not wait twice.
            return
        with contextlib.suppress(RedisUnavailable):
            exchange.rate = await self._admission.admit(exchange.client)


def _add_headers(headers: MutableScopeHeaders, exchange: Exchange) -> None:
    headers["X-Request-ID"] = exchange.request_id
    if place := traceparent.current.get():
        headers[traceparent.RESPONSE_HEADER] = place
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    if exchange.rate is not None:
        for name, value in rate.headers(exchange.rate).items():
            headers[name] = value
    for name, value in exchange.headers.items():
        headers[name] = value
    total_ms = (time.perf_counter() - exchange.started) * 1000
    spent = headers.get("server-timing", "")
    headers["Server-Timing"] = f"{spent}{', ' if spent else ''}total;dur={total_ms:.2f}"


def _log(scope: Scope, exchange: Exchange, status: int, elapsed_s: float) -> None:
    if exchange.endpoint in QUIET and status < 400:  # noqa: PLR2004 - the first status that is an error
        return
    logger.info(
        "request",
        extra={
            "method": scope.get("method"),
            "endpoint": exchange.endpoint,
            "status": status,
            "ms": round(elapsed_s * 1000, 2),
            "key": exchange.client.key_id if exchange.client else None,
            **exchange.log,
        },
    )
