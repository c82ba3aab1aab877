"""Chat requests: what they mean, what makes them the same, and what is refused."""

from typing import Any

import msgspec
import pytest

from ingress.body import decode
from ingress.chat import ChatRequest, completion_of
from shared.errors import BadRequest, UnknownModel
from shared.fingerprint import fingerprint, partition
from shared.wire.completion import Completion, Message
from workers.providers.openai_compatible import request_body

pytestmark = pytest.mark.unit
HELLO = {"role": "user", "content": "Hello?"}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def read(**members: object) -> Completion:
    """Read a request with a question and these members."""
    body = msgspec.json.encode({"model": "m", "messages": [HELLO], **members})
    return completion_of(decode(body, ChatRequest), ("m",))


def identity(**members: object) -> str:
    """Its fingerprint."""
    return fingerprint(b"s", "scope", read(**members))


DIFFERENT: list[dict[str, Any]] = [
    {"temperature": 0.5},
    {"top_p": 0.5},
    {"max_tokens": 5},
    {"stop": "x"},
    {"stop": ["x"]},
    {"seed": 1},
    {"seed": 2},
    {"n": 2},
    {"tools": [TOOL]},
    {"tools": [TOOL], "tool_choice": "none"},
    {"response_format": {"type": "json_object"}},
    {"reasoning_effort": "low"},
    {"logprobs": True},
    {"search_settings": {"country": "peru"}},
    {"documents": [{"source": {"type": "text", "text": "Lima"}}]},
    {"messages": [{**HELLO, "name": "x"}]},
    {"messages": [{"role": "system", "content": "Hello?"}, HELLO]},
    {"messages": [{"role": "developer", "content": "Hello?"}, HELLO]},
    {"messages": [HELLO, {"role": "assistant", "content": "Hi."}, HELLO]},
    {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hello"}, {"type": "text", "text": "?"}]}
        ]
    },
]
SAME: list[dict[str, Any]] = [
    {"n": 1},
    {"stream": True, "stream_options": {"include_usage": True}},
    {"user": "u", "safety_identifier": "s", "prompt_cache_key": "k", "metadata": {"k": "v"}, "store": False},
    {"temperature": None, "tools": None},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}]},
    {"cache": {"mode": "exact"}},
]


def test_what_can_change_the_answer_makes_another_question() -> None:
    """Each of these differs from the plain question and from every other."""
    found = {identity(), *(identity(**members) for members in DIFFERENT)}
    assert len(found) == len(DIFFERENT) + 1


@pytest.mark.parametrize("members", SAME)
def test_what_cannot_change_the_answer_shares_it(members: dict[str, Any]) -> None:
    """Streaming, tags and saying what is the default."""
    assert identity(**members) == identity()


def test_the_order_of_members_does_not_matter() -> None:
    """JSON objects have none."""
    one = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    other = {"function": {"parameters": {"type": "object"}, "name": "f"}, "type": "function"}
    assert identity(tools=[one]) == identity(tools=[other])


def test_the_same_text_in_another_normal_form_is_the_same_question() -> None:
    """Also inside parts and tools (NFC)."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    parts = [
        [{"type": "text", "text": text}, {"type": "text", "text": "!"}] for text in (composed, decomposed)
    ]
    first, second = (identity(messages=[{"role": "user", "content": content}]) for content in parts)
    assert first == second
    assert identity(stop=composed) == identity(stop=decomposed)


def test_only_a_closing_question_of_plain_text_matches_by_meaning() -> None:
    """After a tool's reply, or with a picture, near is not the same."""
    assert read().may_match_by_meaning
    assert not read(messages=[HELLO, {"role": "assistant", "content": "Hi."}]).may_match_by_meaning
    picture = [{"type": "image_url", "image_url": {"url": "data:"}}, {"type": "text", "text": "What is it?"}]
    assert not read(messages=[{"role": "user", "content": picture}]).may_match_by_meaning
    assert not read(messages=[{"role": "system", "content": "Be brief."}]).may_match_by_meaning


def test_everything_but_the_question_divides_what_may_match_by_meaning() -> None:
    """Tools, history and parameters must be the same."""
    plain = partition(b"s", "scope", read())
    assert plain == partition(b"s", "scope", read(messages=[{"role": "user", "content": "Other?"}]))
    assert plain != partition(b"s", "scope", read(tools=[TOOL]))
    assert plain != partition(b"s", "scope", read(messages=[{"role": "system", "content": "x"}, HELLO]))


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"audio": {}}, "/audio"),
        ({"modalities": ["text"]}, "/modalities"),
        ({"web_search_options": {}}, "/web_search_options"),
        ({"prediction": {"type": "content", "content": "x"}}, "/prediction"),
        ({"store": True}, "/store"),
        ({"n": 0}, "/n"),
        ({"stream_options": {"include_usage": True}}, "/stream_options"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "/max_tokens"),
        ({"messages": []}, "/messages"),
        ({"messages": [{"role": "user"}]}, "/messages/0/content"),
        ({"messages": [{"role": "king", "content": "x"}]}, "/messages/0/role"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(members: dict[str, object], pointer: str) -> None:
    """Silently leaving something out would change the answer."""
    with pytest.raises(BadRequest) as refused:
        read(**members)
    assert [error.pointer for error in refused.value.errors] == [pointer]


def test_a_model_that_is_not_offered_is_named_with_those_that_are() -> None:
    """In the field that it came in."""
    with pytest.raises(UnknownModel, match="offers m"):
        read(model="x")


def test_the_provider_gets_what_the_caller_said() -> None:
    """Under its own name of the model; nothing that is ours alone."""
    called = {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f"}}]}
    reply = {"role": "tool", "tool_call_id": "1", "content": "42"}
    asked = read(
        messages=[HELLO, called, reply], tools=[TOOL], seed=7, max_tokens=9, cache={"ttl": 5}, stream=True
    )
    body = msgspec.json.decode(request_body(asked, "its-own"))
    assert body == {
        "model": "its-own",
        "messages": [HELLO, {**called, "content": None}, reply],
        "tools": [TOOL],
        "seed": 7,
        "max_completion_tokens": 9,
    }


def test_a_plain_conversation_travels_as_roles_and_texts() -> None:
    """Nothing is kept twice."""
    assert read(messages=[{"role": "system", "content": "Be brief."}, HELLO]).messages == (
        Message("system", "Be brief."),
        Message("user", "Hello?"),
    )
