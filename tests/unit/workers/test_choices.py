"""Which choices are answers, and what of them is kept."""

from typing import Any

import msgspec
import pytest

from shared.errors import ProviderGarbage
from workers.providers import choices

pytestmark = pytest.mark.unit
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def choice(finish_reason: Any = "stop", index: int = 0, **message: Any) -> dict[str, Any]:
    """One choice with the null members that providers send."""
    whole = {"role": "assistant", "refusal": None, "annotations": [], **message}
    return {"index": index, "message": whole, "logprobs": None, "finish_reason": finish_reason}


def test_one_text_is_kept_as_a_text() -> None:
    """The usual answer costs nothing more."""
    assert choices.kept([choice(content="Hi.")]) == b""
    assert choices.text_of([choice(content="Hi.")]) == "Hi."


@pytest.mark.parametrize(
    "found",
    [
        [choice("tool_calls", content=None, tool_calls=[CALL])],
        [choice(content="Hi.", reasoning="Because.")],
        [choice(content=None, refusal="No.")],
        [choice(content="A"), choice(content="B", index=1)],
        [{**choice(content="A"), "logprobs": {"content": []}}],
    ],
)
def test_what_is_more_than_a_text_is_kept_whole(found: list[dict[str, Any]]) -> None:
    """Without what is null or empty, which says nothing."""
    choices.check(found)
    kept = msgspec.json.decode(choices.kept(found))
    for was, now in zip(found, kept, strict=True):
        for name, value in was["message"].items():
            assert now["message"].get(name) == (value or None), name
        assert now["finish_reason"] == was["finish_reason"]


@pytest.mark.parametrize(
    "spoilt",
    [
        choice(content=""),
        choice(content=None),
        choice(None, content="Hi"),
        choice(content=["Hi"]),
        {"index": 0, "finish_reason": "stop"},
        {"index": 0, "finish_reason": "stop", "message": "Hi"},
    ],
)
def test_a_choice_that_says_nothing_or_has_not_ended_is_no_answer(spoilt: dict[str, Any]) -> None:
    """One bad choice spoils the call."""
    with pytest.raises(ProviderGarbage):
        choices.check([choice(content="Hi."), spoilt])
