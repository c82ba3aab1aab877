"""What a caller is sent, told live or from the store, comes to the same answer."""

from typing import Any

import msgspec
import pytest

from ingress.chat_stream import ChatStream, Interrupted
from ingress.chat_view import choices_of
from ingress.views import JobView
from shared.wire.outcome import Answer, Usage
from workers.telling import text_event

pytestmark = pytest.mark.unit
JOB = JobView(id="fp.1795532191350298", status="completed", model="m", created_at=1)
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}


def answer(text: str = "Hello there.", finish_reason: str = "stop", choices: Any = None) -> Answer:
    """An answer of one text, or of these choices."""
    return Answer(
        text=text,
        finish_reason=finish_reason,
        model="m",
        provider="p",
        usage=Usage(3, 4),
        cost=7,
        created_at_ms=1_000,
        choices=b"" if choices is None else msgspec.json.encode(choices),
    )


def read(stream: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream that is over."""
    *events, done, rest = stream.split(b"\n\n")
    assert (done, rest) == (b"data: [DONE]", b"")
    return [msgspec.json.decode(event.removeprefix(b"data: ")) for event in events]


def messages(chunks: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    """What a client puts together."""
    found: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in chunk["choices"]:
            message = found.setdefault(choice["index"], {})
            for name, value in choice["delta"].items():
                if name == "tool_calls":
                    for call in value:
                        calls = message.setdefault(name, [])
                        if call["index"] == len(calls):
                            calls.append({k: v for k, v in call.items() if k != "index"})
                        else:
                            calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
                elif name == "role":
                    message[name] = value
                else:
                    message[name] = message.get(name, "") + value
            if choice["finish_reason"]:
                message["finish_reason"] = choice["finish_reason"]
    return found


ANSWERS = [
    answer(),
    answer(
        "", "tool_calls", [{"index": 0, "finish_reason": "tool_calls", "message": {"tool_calls": [CALL]}}]
    ),
    answer(choices=[{"index": 0, "finish_reason": "stop", "message": {"content": "A", "reasoning": "r"}}]),
    answer(choices=[{"index": 0, "finish_reason": "stop", "message": {"refusal": "No."}}]),
    answer(
        choices=[
            {"index": n, "finish_reason": "stop", "message": {"content": text}} for n, text in enumerate("AB")
        ]
    ),
]


@pytest.mark.parametrize("told", ANSWERS)
def test_a_replayed_stream_holds_everything_the_document_does(told: Answer) -> None:
    """Finish reason, usage, tool calls, reasoning, refusals, several choices."""
    chunks = read(ChatStream(JOB.id, "m").end(told, JOB, include_usage=True))
    found = messages(chunks)
    for choice in choices_of(told):
        said = {name: value for name, value in choice["message"].items() if value not in (None, "")}
        heard = {name: value for name, value in found[choice["index"]].items() if value not in (None, "")}
        assert heard.pop("finish_reason") == choice["finish_reason"]
        assert {**said, "role": "x"} == {**heard, "role": "x"}
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["total_tokens"] == 7
    assert chunks[-1]["sentinel"]["job_id"] == JOB.id


@pytest.mark.parametrize("told", range(4))
def test_whatever_was_told_before_the_rest_follows(told: int) -> None:
    """A listener whose messages got lost has the whole answer all the same."""
    stream = ChatStream(JOB.id, "m")
    events = [text_event(text) for text in ("Hello", " the", "re.")][:told]
    sent = b"".join(stream.tell(event) for event in events)
    chunks = read(sent + stream.end(answer(), JOB, include_usage=False))
    assert messages(chunks)[0]["content"] == "Hello there."
    assert "usage" not in chunks[-1]
    assert chunks[-1]["sentinel"]["job_id"] == JOB.id


def test_a_stream_that_does_not_fit_the_answer_is_not_passed_off_as_it() -> None:
    """Another attempt said something else."""
    stream = ChatStream(JOB.id, "m")
    stream.tell(text_event("Good morning"))
    with pytest.raises(Interrupted):
        stream.end(answer(), JOB, include_usage=False)


def test_every_caller_of_a_flight_is_sent_the_same_bytes() -> None:
    """Names and times are the job's."""
    events = [text_event("Hello"), text_event(" there.")]
    streams = [ChatStream(JOB.id, "m") for _ in range(2)]
    sent = [b"".join(map(s.tell, events)) + s.end(answer(), JOB, include_usage=True) for s in streams]
    assert sent[0] == sent[1]
    assert {chunk["created"] for chunk in read(sent[0])} == {1_795_532_191}
