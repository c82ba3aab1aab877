"""Answers are computable beforehand and tell to which question they belong."""

from typing import Any

import pytest

from simulator.answers import answer_to, count_tokens, pieces_of, prompt_tokens, question_of

MODEL = "openai/gpt-oss-20b"


def asked(text: Any, role: str = "user") -> dict[str, Any]:
    """Say a text in a role."""
    return {"role": role, "content": text}


def test_an_answer_is_the_same_each_time_and_loud() -> None:
    """Nothing but the arguments goes into an answer."""
    answer = answer_to(MODEL, [asked("Why is the sky blue?")])
    assert answer == answer_to(MODEL, [asked("Why is the sky blue?")])
    assert answer.startswith("[simulated] answer ")
    assert answer.endswith(' to "Why is the sky blue?"')


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        ("openai/gpt-oss-120b", [asked("Why?")]),
        (MODEL, [asked("Why not?")]),
        (MODEL, [asked("Be brief.", "system"), asked("Why?")]),
        (MODEL, [asked("Why?", "assistant")]),
    ],
)
def test_another_conversation_has_another_answer(model: str, messages: list[dict[str, Any]]) -> None:
    """Model, roles and texts all count."""
    assert answer_to(model, messages) != answer_to(MODEL, [asked("Why?")])


def test_fields_without_text_change_nothing() -> None:
    """A client library may add empty fields, or say a text as parts."""
    parts = [{"role": "user", "name": None, "content": [{"type": "text", "text": "Why?"}]}]
    assert answer_to(MODEL, parts) == answer_to(MODEL, [asked("Why?")])


def test_the_excerpt_is_short_and_has_no_quotes_of_its_own() -> None:
    """A quoted excerpt must end where its quote ends."""
    answer = answer_to(MODEL, [asked('Say "hi"\n' + "x" * 100)])
    assert answer.count('"') == 2
    assert answer.split('"')[1] == "Say 'hi' " + "x" * 51


def test_the_question_is_the_last_user_text() -> None:
    """Later answers and tools are not questions."""
    assert question_of([asked("one"), asked("two"), asked("three", "assistant")]) == "two"
    assert question_of([asked(None, "system")]) == ""


def test_tokens_are_quarters_of_bytes() -> None:
    """The approximation is documented, so tests may rely on it."""
    assert [count_tokens(text) for text in ("", "a", "abcd", "abcde", "éé")] == [0, 1, 1, 2, 1]
    assert prompt_tokens([asked("abcd"), asked(None)]) == 1 + 2 * 4 + 3
    assert pieces_of("abcdefghi") == ["abcd", "efgh", "i"]
