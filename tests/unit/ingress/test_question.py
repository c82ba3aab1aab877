"""What a caller can ask for, and what it cannot."""

from typing import Any

import msgspec
import pytest

from ingress.chat import ChatRequest
from ingress.question import QueryRequest

pytestmark = pytest.mark.unit
REQUESTS: tuple[tuple[type[Any], dict[str, Any]], ...] = (
    (QueryRequest, {"prompt": "Why?"}),
    (ChatRequest, {"model": "m", "messages": [{"role": "user", "content": "Why?"}]}),
)


@pytest.mark.parametrize(
    "name",
    [
        "base_url",
        "api_base",
        "api_key",
        "provider",
        "providers",
        "extra_headers",
        "extra_body",
        "proxy",
        "url",
    ],
)
@pytest.mark.parametrize(("kind", "body"), REQUESTS, ids=lambda found: getattr(found, "__name__", ""))
def test_nobody_says_whither_a_question_goes_or_with_what_key(
    kind: type[Any], body: dict[str, Any], name: str
) -> None:
    """A gateway that lets callers set an address sends them its keys."""
    msgspec.convert(body, kind)
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({**body, name: "https://elsewhere.test"}, kind)
