"""What the API's description says of every route alike: problems as they are sent, and streams of events."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from litestar import Request
from litestar.openapi.spec import (
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Reference,
    Schema,
)

from ingress.job_events import SSE
from ingress.problems import MEDIA_TYPE

OK: Final = "200"
STREAMING: Final = ("/v1/query", "/v1/chat/completions", "/openai/v1/chat/completions")
"""Routes that answer with events when they are asked to."""
PROBLEMS: Final = {
    "4XX": "The request cannot be served as it is, and why (RFC 9457).",
    "5XX": "Nothing that the request could mend; `Retry-After` says when to try again.",
}
_TEXT, _NUMBER = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.INTEGER)
_NAMED: Final = ("type", "title", "detail", "instance", "code", "request_id")
PROBLEM: Final = Schema(
    type=OpenAPIType.OBJECT,
    title="Problem",
    description="RFC 9457, with an `error` member as OpenAI's clients read it; some kinds say more.",
    properties={
        **dict.fromkeys(_NAMED, _TEXT),
        "status": _NUMBER,
        "error": Schema(
            type=OpenAPIType.OBJECT,
            properties={
                **dict.fromkeys(("message", "type", "code"), _TEXT),
                "param": Schema(type=[OpenAPIType.STRING, OpenAPIType.NULL]),
            },
            required=["message", "type", "param", "code"],
        ),
        "errors": Schema(
            type=OpenAPIType.ARRAY,
            items=Schema(
                type=OpenAPIType.OBJECT,
                properties={"pointer": _TEXT, "detail": _TEXT},
                required=["pointer", "detail"],
            ),
        ),
    },
    required=[*_NAMED, "status", "error"],
)


async def describe(request: Request[Any, Any, Any]) -> None:
    """Complete the description before it is first shown: making it takes longer than all else of a start."""
    description = request.app.openapi_schema
    if "Problem" not in description.components.schemas:
        complete(description)


def complete(description: OpenAPI) -> None:
    """Say of every route how it refuses, and of some that they stream, where the framework cannot know."""
    description.components.schemas["Problem"] = PROBLEM
    for path, operation in _operations(description):
        responses = operation.responses or {}
        # The framework's guess at a malformed request.
        responses.pop("400", None)
        for statuses, told in PROBLEMS.items():
            content = {MEDIA_TYPE: OpenAPIMediaType(schema=Reference(ref="#/components/schemas/Problem"))}
            responses[statuses] = OpenAPIResponse(description=told, content=content)
        answered = responses.get(OK)
        content = (isinstance(answered, OpenAPIResponse) and answered.content) or {}
        if path in STREAMING or SSE in content:
            # A schema would be one for each event, and they differ.
            content[SSE] = OpenAPIMediaType()


def _operations(description: OpenAPI) -> Iterator[tuple[str, Operation]]:
    for path, item in (description.paths or {}).items():
        offered: Sequence[Operation | None] = (item.get, item.post, item.put, item.patch, item.delete)
        yield from ((path, operation) for operation in offered if operation is not None)
