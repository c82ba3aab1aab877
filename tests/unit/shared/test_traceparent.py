"""W3C trace context: what is passed on, and what counts as nothing."""

import pytest

from shared.traceparent import span_id, trace_id, valid

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GIVEN = f"00-{TRACE}-{SPAN}-01"


def test_a_well_formed_header_is_passed_on() -> None:
    """With its ids in their places."""
    assert valid(GIVEN) == GIVEN
    assert trace_id(GIVEN) == TRACE
    assert span_id(GIVEN) == SPAN


def test_a_later_version_is_read_as_far_as_we_know_it() -> None:
    """The specification asks for it: what follows the flags is dropped."""
    assert valid(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like") == GIVEN
    assert valid(f"cc-{TRACE}-{SPAN}-01") == GIVEN


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        GIVEN.upper(),
        f"{GIVEN}-more",
        f"{GIVEN} ",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE}-{SPAN}-01\r\nX-Evil: 1",
    ],
)
def test_anything_else_is_as_if_there_were_none(given: str) -> None:
    """A trace is no reason to refuse a request, and no way into our headers or logs."""
    assert valid(given) == ""


def test_nothing_has_no_ids() -> None:
    """So that log lines without a trace have no empty trace."""
    assert (trace_id(""), span_id("")) == ("", "")
