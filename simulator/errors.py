"""Refusals, and the two shapes in which Groq and Jina say them."""

from typing import Any, Literal

Dialect = Literal["groq", "jina"]


class Refusal(Exception):
    """The request is refused with `status`; `message`, `kind` and `code` are what the client reads."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.code = code


class ClientGoneError(Exception):
    """The client closed its connection before it had the whole reply."""


_STATUS_REFUSALS: dict[int, tuple[str, str, str | None]] = {
    401: ("Invalid API Key", "invalid_request_error", "invalid_api_key"),
    429: ("Rate limit reached. Please try again later.", "requests", "rate_limit_exceeded"),
    498: ("Flex tier capacity exceeded. Please try again later.", "capacity_exceeded", "capacity_exceeded"),
    503: ("Service Unavailable", "service_unavailable", "service_unavailable"),
}


def scripted_refusal(status: int) -> Refusal:
    """Build the refusal that the provider sends with an HTTP status."""
    default = ("Internal Server Error" if status >= 500 else "Bad Request", "internal_server_error", None)  # noqa: PLR2004 - HTTP's class of server errors
    message, kind, code = _STATUS_REFUSALS.get(status, default)
    return Refusal(status, f"[simulated] {message}", kind=kind, code=code)


def error_body(refusal: Refusal, dialect: Dialect) -> dict[str, Any]:
    """Say a refusal in the provider's shape: OpenAI's `error` object, or Jina's `detail`."""
    if dialect == "jina":
        return {"detail": refusal.message}
    error: dict[str, Any] = {"message": refusal.message, "type": refusal.kind}
    if refusal.code is not None:
        error["code"] = refusal.code
    return {"error": error}
