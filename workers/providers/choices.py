"""The choices of a completion: which are answers, and what of them must be kept; pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from shared.errors import ProviderGarbage

CONTENTS = ("content", "tool_calls", "refusal", "function_call")
"""What makes a message an answer."""
TEXTS = ("content", "reasoning", "reasoning_content", "refusal")
"""Members of a message that are text, and grow piece by piece in a stream."""
PLAIN_CHOICE = frozenset({"index", "message", "finish_reason"})
PLAIN_MESSAGE = frozenset({"role", "content"})


def check(choices: Sequence[dict[str, Any]]) -> None:
    """Raise ProviderGarbage unless every choice has ended and says something."""
    for choice in choices:
        message = choice.get("message")
        if not isinstance(message, dict) or not isinstance(choice.get("finish_reason"), str):
            raise ProviderGarbage("The provider answered 200 with a choice that has not ended.")
        if not any(message.get(name) for name in CONTENTS):
            raise ProviderGarbage("The provider answered 200 without any text.")
        check_members(message)


def check_members(message: Mapping[str, Any]) -> None:
    """Raise ProviderGarbage unless the members of a message, or of a delta of one, are of their kinds."""
    for name in TEXTS:
        if not isinstance(message.get(name), str | None):
            raise ProviderGarbage(f"The provider answered 200 with a `{name}` that is no text.")
    calls = message.get("tool_calls")
    sound = isinstance(calls, list | None) and all(_is_call(call) for call in calls or ())
    if not (sound and _is_function(message.get("function_call"))):
        raise ProviderGarbage("The provider answered 200 with a tool call that is none.")


def kept(choices: Sequence[dict[str, Any]]) -> bytes:
    """The choices as JSON without what is null or empty in them; nothing when one text says it all."""
    lean = [_lean(choice) for choice in choices]
    only = lean[0]
    if len(lean) == 1 and set(only) <= PLAIN_CHOICE and set(only["message"]) <= PLAIN_MESSAGE:
        return b""
    return msgspec.json.encode(lean)


def text_of(choices: Sequence[dict[str, Any]]) -> str:
    """The first choice's text, perhaps empty."""
    return choices[0]["message"].get("content") or ""


def _is_call(call: Any) -> bool:
    return isinstance(call, dict) and _is_function(call.get("function"))


def _is_function(function: Any) -> bool:
    """Whether it is one, or left out."""
    return function is None or (
        isinstance(function, dict)
        and isinstance(function.get("name"), str | None)
        and isinstance(function.get("arguments"), str | None)
    )


def _lean(choice: dict[str, Any]) -> dict[str, Any]:
    message = {name: value for name, value in choice["message"].items() if value not in (None, [], {})}
    return {name: value for name, value in choice.items() if value is not None} | {"message": message}
