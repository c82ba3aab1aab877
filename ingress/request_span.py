"""A request as a span, in OpenTelemetry's words for HTTP servers; without its body or anything of its key."""

from litestar.types import Scope

from ingress.exchange import Exchange
from shared.tracing import Span, Value

SERVER_ERROR = 500


def describe(span: Span, scope: Scope, exchange: Exchange, status: int) -> None:
    """Say what a request has turned out to be: its route, its status, whether a hit, which job."""
    method = str(scope.get("method"))
    span.rename(f"{method} {exchange.endpoint}")
    attributes: dict[str, Value] = {
        "http.request.method": method,
        "http.route": exchange.endpoint,
        "http.response.status_code": status,
        "sentinel.request_id": exchange.request_id,
    }
    for name in ("cache", "job_id", "code"):
        if name in exchange.log:
            attributes[f"sentinel.{name}"] = str(exchange.log[name])
    span.note(attributes)
    if status >= SERVER_ERROR:
        span.fail(str(exchange.log.get("code", status)))
