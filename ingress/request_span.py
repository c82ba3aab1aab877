"""A request as a span, in OpenTelemetry's words for HTTP servers; without its body or anything of its key."""

from collections.abc import Mapping

from shared.tracing import Span, Value

SERVER_ERROR = 500


def describe(
    span: Span, method: str, endpoint: str, status: int, request_id: str, told: Mapping[str, object]
) -> None:
    """Say what a request has turned out to be: its route and status; of its log whether a hit, which job."""
    span.rename(f"{method} {endpoint}")
    attributes: dict[str, Value] = {
        "http.request.method": method,
        "http.route": endpoint,
        "http.response.status_code": status,
        "sentinel.request_id": request_id,
    }
    for name in ("cache", "job_id", "code"):
        if name in told:
            attributes[f"sentinel.{name}"] = str(told[name])
    span.note(attributes)
    if status >= SERVER_ERROR:
        span.fail(str(told.get("code", status)))
