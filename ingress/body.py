"""Request bodies, decoded strictly: what is malformed is the caller's 400, never our 500."""

import re
from typing import Any, Final, TypeVar

import msgspec
from litestar.connection import ASGIConnection
from litestar.dto import AbstractDTO
from litestar.handlers import BaseRouteHandler
from litestar.typing import FieldDefinition

from ingress import json_text
from ingress.problems import invalid_body
from shared.errors import BadRequest, WrongMediaType

T = TypeVar("T")
JSON_TYPES: Final = frozenset({"application/json", "", "application/x-www-form-urlencoded"})
"""The last is what curl says of anything that it is told to send."""


def decode(body: bytes, kind: type[T]) -> T:
    """Read JSON as `kind`; raises BadRequest with a pointer to the field.

    msgspec lets a UnicodeDecodeError and a RecursionError through, which are malformed input like any other.
    """
    json_text.check(body)
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        raise invalid_body(error) from error
    except msgspec.DecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}") from error
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8: invalid byte at {error.start}.") from error
    except RecursionError as error:
        raise BadRequest("The body is nested too deeply.") from error


class JsonBody(AbstractDTO[T]):
    """Makes Litestar read a handler's `data` through `decode`, and describe it in OpenAPI."""

    def decode_bytes(self, value: bytes) -> Any:
        """Decode what was sent; an empty body is no JSON either."""
        return decode(value, self.model_type)

    @classmethod
    def create_for_field_definition(cls, *_args: Any, **_kwargs: Any) -> None:
        """Need no transfer model: the struct is the wire format."""

    @classmethod
    def create_openapi_schema(cls, field_definition: FieldDefinition, *_args: Any, **kwargs: Any) -> Any:
        """Describe the struct itself."""
        return kwargs["schema_creator"].for_field_definition(field_definition)

    @classmethod
    def generate_field_definitions(cls, _model_type: type[Any]) -> Any:
        """Have no fields to transfer."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, _field_definition: FieldDefinition) -> bool:
        """Have no fields to look into."""
        return False


# A coroutine also where it awaits nothing: Litestar runs plain functions in a thread.
async def readable(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Let a body pass that says it is JSON, or nothing, as curl does; raises WrongMediaType.

    A compressed one is refused unread: a few bytes of it may be gigabytes.
    """
    if "data" not in handler.parsed_fn_signature.parameters:
        return
    coding = connection.headers.get("content-encoding", "identity").strip().lower()
    if coding not in {"", "identity"}:
        raise WrongMediaType("Compressed bodies are not read: send it as it is.")
    said, _, parameters = connection.headers.get("content-type", "").partition(";")
    media_type = said.strip().lower()
    if media_type not in JSON_TYPES and not media_type.endswith("+json"):
        raise WrongMediaType(f"The body must be application/json, and not {media_type[:64]!r}.")
    charset = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", parameters.lower())
    if charset and charset[1] not in {"utf-8", "utf8", "us-ascii"}:
        raise WrongMediaType("JSON is UTF-8 (RFC 8259).")
