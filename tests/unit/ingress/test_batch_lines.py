"""The lines of a batch: read strictly, and told by their number when they are wrong."""

import msgspec
import pytest

from ingress.batches.line import patience_s, refused, turn_comes_in_s
from ingress.batches.lines import read, result, split
from ingress.rate import Rate
from shared.errors import BadRequest, BudgetExceeded, ProviderUnavailable, QueueFull, RateLimited

pytestmark = pytest.mark.unit


def line(name: str = "a", **members: object) -> bytes:
    """A request line."""
    asked = {"custom_id": name, "url": "/v1/query", "body": {"prompt": "?"}, **members}
    return msgspec.json.encode(asked)


def test_empty_lines_count_for_nothing() -> None:
    """Also the one that most files end in."""
    assert split(line("a") + b"\n\n" + line("b") + b"\r\n  \n", most=2) == [line("a"), line("b")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\n", "empty"),
        (line("a") + b"\n" + line("b") + b"\n" + line("c"), "3 lines; 2 are allowed"),
        (line("a") + b"\n" + line("a"), "Line 2: repeats the custom_id 'a'"),
        (line("a") + b"\nnonsense", "Line 2: The body is not JSON"),
        (line("a", url="/v1/nonesuch"), "Line 1: .*url"),
        (line("a", method="GET"), "Line 1: .*method"),
        (line("a", priority="high"), "Line 1: .*priority"),
        (line(""), "Line 1: .*custom_id"),
    ],
)
def test_a_batch_that_cannot_be_read_is_refused_as_a_whole(data: bytes, reason: str) -> None:
    """Before anything is asked, with the first line that is wrong."""
    with pytest.raises(BadRequest, match=reason):
        split(data, most=2)


def test_a_result_names_its_line_and_carries_the_answer_it_would_have_had_alone() -> None:
    """In the layout of OpenAI's batch files."""
    told = msgspec.json.decode(result("batch_1", 7, read(line("mine"), 8), 200, "batch_1.7", {"x": 1}))
    assert told == {
        "id": "batch_1.7",
        "custom_id": "mine",
        "response": {"status_code": 200, "request_id": "batch_1.7", "body": {"x": 1}},
        "error": None,
    }


def test_what_passes_is_waited_for_and_what_does_not_is_the_lines_result() -> None:
    """A full queue or an empty bucket is no answer; a spent budget is."""
    assert turn_comes_in_s(RateLimited("", retry_after_s=7)) == 7
    assert turn_comes_in_s(QueueFull("")) == 1
    assert turn_comes_in_s(BudgetExceeded("", retry_after_s=9_000)) is None
    assert turn_comes_in_s(BadRequest("")) is None
    assert refused(ProviderUnavailable("")).retry_s == 1
    assert refused(BadRequest("")).retry_s is None


def test_batches_leave_a_share_of_their_keys_bucket_to_others() -> None:
    """With 10 of 100 left, they wait until there are 20."""
    rate = Rate(allowed=True, tokens=10, wait_ms=0, now_ms=0, capacity=100, refill_per_s=2)
    assert patience_s(rate) == 5
    assert patience_s(msgspec.structs.replace(rate, tokens=50)) == 0
    assert patience_s(None) == 0
