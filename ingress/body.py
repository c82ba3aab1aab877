"""Request bodies, decoded strictly: what is malformed is the caller's 400, never our 500."""

from typing import Any, TypeVar

import msgspec
from litestar.dto import AbstractDTO
from litestar.typing import FieldDefinition

from ingress.problems import invalid_body
from shared.errors import BadRequest

T = TypeVar("T")


def decode(body: bytes, kind: type[T]) -> T:
    """Read JSON as `kind`; raises BadRequest with a pointer to the field.

    msgspec lets a UnicodeDecodeError and a RecursionError through, which are malformed input like any other.
    """
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
