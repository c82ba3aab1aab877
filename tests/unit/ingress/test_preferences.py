"""Prefer and Cache-Control, as callers send them."""

import pytest
from hypothesis import given, strategies as st

from ingress.preferences import CacheDirectives, read_cache_control, read_prefer


@pytest.mark.parametrize(
    ("header", "wait_s", "applied"),
    [
        ("", 30, ()),
        ("wait=10", 10, ("wait=10",)),
        ("wait=100", 60, ("wait=60",)),
        ("wait=0", 0, ("wait=0",)),
        ("respond-async", 0, ("respond-async",)),
        ("respond-async, wait=5", 5, ("respond-async", "wait=5")),
        ("Respond-Async; wait=5", 5, ("respond-async", "wait=5")),
        ('wait="7"', 7, ("wait=7",)),
        ("wait=-1", 30, ()),
        ("wait=soon", 30, ()),
        ("wait=99999999999999999999", 30, ()),
        ("return=minimal", 30, ()),
    ],
)
def test_prefer_says_how_long_to_wait(header: str, wait_s: float, applied: tuple[str, ...]) -> None:
    """What is malformed or unknown is ignored (RFC 7240)."""
    found = read_prefer(header, default_s=30, longest_s=60)
    assert (found.wait_s, found.applied) == (wait_s, applied)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", CacheDirectives()),
        ("no-cache", CacheDirectives(no_cache=True)),
        ("NO-STORE , max-age=60", CacheDirectives(no_store=True, max_age_s=60)),
        ("only-if-cached", CacheDirectives(only_if_cached=True)),
        ("max-age=x", CacheDirectives()),
        ("max-age=-5", CacheDirectives()),
        ("private, unknown=1", CacheDirectives()),
    ],
)
def test_cache_control_is_read_as_a_request_directive(header: str, expected: CacheDirectives) -> None:
    """RFC 9111, section 5.2.1."""
    assert read_cache_control(header) == expected


@given(st.text(max_size=200))
def test_no_header_breaks_the_parsers(header: str) -> None:
    """Whatever it is, there is a wait within bounds."""
    assert 0 <= read_prefer(header, default_s=30, longest_s=60).wait_s <= 60
    read_cache_control(header)
