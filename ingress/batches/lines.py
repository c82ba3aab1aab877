"""The lines of a batch: what was asked, one request a line, and what came of it; pure.

The layout is that of OpenAI's batch files, https://platform.openai.com/docs/guides/batch.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from ingress.body import decode
from shared.errors import BadRequest, FieldError

CHAT = "/v1/chat/completions"
Address = Literal["/v1/chat/completions", "/v1/query"]


class RequestLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One request; `custom_id` is its caller's own name for it."""

    custom_id: Annotated[str, Meta(min_length=1, max_length=256)]
    url: Address
    body: Raw
    method: Literal["POST"] = "POST"


class Response(Struct, frozen=True):
    """What the request would have been answered alone."""

    status_code: int
    request_id: str
    body: Raw


class ResultLine(Struct, frozen=True, kw_only=True):
    """What came of one request."""

    id: str
    custom_id: str
    response: Response
    error: None = None


def split(data: bytes, *, most: int) -> list[bytes]:
    """The lines that hold something; raises BadRequest, which names the first line that is no request."""
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        raise BadRequest("The batch is empty: send one JSON request a line.")
    if len(lines) > most:
        raise BadRequest(f"The batch has {len(lines)} lines; {most} are allowed.")
    names: set[str] = set()
    for number, line in enumerate(lines, 1):
        name = read(line, number).custom_id
        if name in names:
            raise _at(number, f"repeats the custom_id {name!r}")
        names.add(name)
    return lines


def read(line: bytes, number: int) -> RequestLine:
    """Read one line; raises BadRequest, which names it."""
    try:
        return decode(line, RequestLine)
    except BadRequest as error:
        raise _at(number, error.detail) from error


def result(batch_id: str, number: int, asked: RequestLine, status: int, request_id: str, body: Any) -> bytes:
    """Lay out what came of a line."""
    return msgspec.json.encode(
        ResultLine(
            id=f"{batch_id}.{number}",
            custom_id=asked.custom_id,
            response=Response(status, request_id, Raw(msgspec.json.encode(body))),
        )
    )


def succeeded(status: int) -> bool:
    """Whether a line counts as completed rather than failed."""
    return status < 400  # noqa: PLR2004 - the first status that is an error


def _at(number: int, reason: str) -> BadRequest:
    return BadRequest(
        f"Line {number}: {reason}", errors=[FieldError(pointer=f"/{number - 1}", detail=reason)]
    )
