"""Every error in one shape: RFC 9457 problem+json, with an `error` member that OpenAI's SDKs read."""

import math
import re
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from ingress.exchange import exchange_of
from shared.errors import (
    BadRequest,
    FieldError,
    InternalError,
    MethodNotAllowed,
    NotFound,
    SentinelError,
    TooLarge,
)
from shared.wire.outcome import Failed

MEDIA_TYPE = "application/problem+json"
SERVER_ERROR = 500
TOO_MANY = 429


def problem(error: SentinelError | Failed, *, instance: str, request_id: str) -> dict[str, Any]:
    """Lay an error out; the same body serves people, RFC 9457 clients and OpenAI's SDKs."""
    errors: tuple[FieldError, ...] = getattr(error, "errors", ())
    body: dict[str, Any] = {
        "type": f"/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
        "request_id": request_id,
        "error": {
            "message": error.detail,
            "type": _openai_type(error.status),
            "param": errors[0].pointer.lstrip("/") or None if errors else None,
            "code": error.code,
        },
    }
    if errors:
        body["errors"] = [msgspec.to_builtins(field) for field in errors]
    body.update(getattr(error, "extra", {}))
    return body


def problem_headers(error: SentinelError | Failed) -> dict[str, str]:
    """Say whether and when to try again, in the ways that clients look for."""
    found = {"x-should-retry": "true" if error.retryable else "false", "Cache-Control": "no-store"}
    if error.retry_after_s is not None:
        found["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    elif error.retryable and error.status in {TOO_MANY, 503}:
        found["Retry-After"] = "1"
    if error.code == "invalid_api_key":
        found["WWW-Authenticate"] = 'Bearer realm="sentinel"'
    return found


def problem_response(
    request: Request[Any, Any, Any], error: SentinelError | Failed, **extra: object
) -> Response[bytes]:
    """Answer with a problem; `extra` members are added to the body."""
    exchange = exchange_of(request.scope)
    exchange.log["code"] = error.code
    body = problem(error, instance=request.scope["path"], request_id=exchange.request_id)
    return Response(
        msgspec.json.encode(body | extra),
        status_code=error.status,
        headers=problem_headers(error),
        media_type=MEDIA_TYPE,
    )


def job_problem(
    request: Request[Any, Any, Any], error: SentinelError | Failed, job_id: str
) -> Response[bytes]:
    """Answer with the problem of a job, which can be read at its own address."""
    return problem_response(request, error, job_id=job_id, urls={"self": f"/v1/jobs/{job_id}"})


def translate(error: HTTPException) -> SentinelError:
    """The error of ours that says what Litestar's does."""
    known: dict[int, SentinelError] = {
        404: NotFound("There is nothing at this address."),
        405: MethodNotAllowed("This address does not take this method."),
        413: TooLarge("The body is larger than this gateway reads."),
    }
    if error.status_code in known:
        return known[error.status_code]
    if error.status_code < SERVER_ERROR:
        return _invalid_parameters(error)
    return InternalError("Something broke; the log has the rest under this request id.")


def _invalid_parameters(error: HTTPException) -> BadRequest:
    """Name the headers and query parameters that Litestar could not read."""
    found = error.extra if isinstance(error.extra, list) else []
    errors = [
        FieldError(
            # A parameter is not in the body: RFC 6901 has no pointer to it, so it is named by its place.
            pointer=f"{_place(item)}:{item['key']}" if "key" in item else "",
            detail=str(item.get("message", error.detail)),
        )
        for item in found
        if isinstance(item, dict)
    ]
    if any(not item.pointer or item.pointer == "body:data" for item in errors):
        return BadRequest("The body is missing: send JSON.", errors=[FieldError("", "is missing")])
    named = "; ".join(f"{item.pointer}: {item.detail}" for item in errors)
    return BadRequest(named or error.detail, errors=errors)


def _place(item: dict[str, Any]) -> str:
    source = item.get("source", "body")
    return str(getattr(source, "value", source))


def invalid_body(error: msgspec.ValidationError) -> BadRequest:
    """Point at the field that msgspec complains about."""
    message = str(error)
    text, _, path = message.partition(" - at `")
    pointer = "".join(f"/{a or b}" for a, b in re.findall(r"\.([^.\[\]`]+)|\[(\d+|\.\.\.)\]", path))
    named = re.search(r"(?:missing required|unknown) field `([^`]+)`", text)
    if named:
        pointer += f"/{named.group(1)}"
    return BadRequest(
        f"{text} at {pointer}" if pointer else text, errors=[FieldError(pointer=pointer, detail=text)]
    )


def _openai_type(status: int) -> str:
    if status == TOO_MANY:
        return "rate_limit_error"
    return "server_error" if status >= SERVER_ERROR else "invalid_request_error"
