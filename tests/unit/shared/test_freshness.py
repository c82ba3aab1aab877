"""The freshness ladder as a table: age, directives, what may be done."""

import dataclasses

import pytest
from hypothesis import given, strategies as st

from shared.freshness import Stage, freshness, is_fresh, stage_of
from shared.settings import Settings
from shared.wire.completion import CachePolicy
from shared.wire.entry import Entry
from shared.wire.outcome import Answer, Usage

SETTINGS = dataclasses.replace(Settings(), stale_while_revalidate_s=50, stale_if_error_s=500)
FRESH_S, KEPT_S = 100, 1000


def entry(**fields: object) -> Entry:
    """An answer of time 0 that is fresh for 100 s and kept for 1000."""
    answer = Answer(
        text="a", finish_reason="stop", model="m", provider="p", usage=Usage(1, 1), cost=1, created_at_ms=0
    )
    known: dict[str, object] = {
        "id": "fp",
        "job_id": "fp.1",
        "tenant": "t",
        "question": "q",
        "answer": answer,
        "created_at_ms": 0,
        "expires_at_ms": KEPT_S * 1000,
        "fresh_until_ms": FRESH_S * 1000,
    }
    return Entry(**{**known, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("age_s", "said", "stage"),
    [
        (0, {}, "fresh"),
        (99.999, {}, "fresh"),
        (100, {}, "revalidate"),
        (149.999, {}, "revalidate"),
        (150, {}, "if_error"),
        (599.999, {}, "if_error"),
        (600, {}, "unusable"),
        (1000, {"stale_if_error_s": 9999}, "unusable"),
        # no-cache: nothing stored, unless an error allows it.
        (0, {"read": False}, "unusable"),
        (0, {"read": False, "stale_if_error_s": 60}, "if_error"),
        (120, {"read": False, "stale_while_revalidate_s": 60}, "unusable"),
        # max-age: nothing older, and nothing stale.
        (50, {"max_age_s": 50}, "fresh"),
        (51, {"max_age_s": 50}, "unusable"),
        (51, {"max_age_s": 50, "stale_if_error_s": 60}, "if_error"),
        (110, {"max_age_s": 500}, "unusable"),
        (110, {"max_age_s": 500, "max_stale_s": 20}, "revalidate"),
        (110, {"max_age_s": 105, "max_stale_s": 20}, "if_error"),
        # min-fresh: some freshness left.
        (90, {"min_fresh_s": 10}, "fresh"),
        (91, {"min_fresh_s": 10}, "unusable"),
        (91, {"min_fresh_s": 10, "stale_if_error_s": 60}, "if_error"),
        # max-stale: as it is, and no staler.
        (160, {"max_stale_s": 100}, "accepted"),
        (110, {"max_stale_s": 5}, "unusable"),
        (103, {"max_stale_s": 5}, "revalidate"),
        (110, {"max_stale_s": 0}, "unusable"),
        (599, {"max_stale_s": 9_999_999_999}, "accepted"),
        (601, {"max_stale_s": 9_999_999_999}, "unusable"),
        # RFC 5861's own directives replace the settings, never beyond what these allow at most.
        (110, {"stale_while_revalidate_s": 0}, "if_error"),
        (160, {"stale_while_revalidate_s": 100}, "revalidate"),
        (159.999, {"stale_if_error_s": 60}, "if_error"),
        (160, {"stale_if_error_s": 60}, "unusable"),
        (601, {"stale_if_error_s": 900}, "unusable"),
        (601, {"stale_while_revalidate_s": 900}, "unusable"),
        (110, {"stale_if_error_s": 0, "stale_while_revalidate_s": 0}, "unusable"),
    ],
)
def test_what_an_entry_is_good_for(age_s: float, said: dict[str, object], stage: Stage) -> None:
    """By its age and what its reader says."""
    policy = CachePolicy(**said)  # type: ignore[arg-type]
    assert stage_of(entry(), "t", policy, SETTINGS, int(age_s * 1000)) == stage


def test_another_tenants_entry_is_good_for_nothing() -> None:
    """Whatever its age, and whatever is said (G8)."""
    policy = CachePolicy(max_stale_s=9999, stale_if_error_s=9999)
    assert stage_of(entry(), "other", policy, SETTINGS, 0) == "unusable"
    assert stage_of(None, "t", policy, SETTINGS, 0) == "unusable"


def test_an_operator_who_forbids_staleness_is_obeyed() -> None:
    """Nothing that a request says brings it back."""
    none = dataclasses.replace(SETTINGS, stale_if_error_s=0)
    said = CachePolicy(max_stale_s=99, stale_if_error_s=99, stale_while_revalidate_s=99)
    assert stage_of(entry(), "t", said, none, FRESH_S * 1000) == "unusable"
    assert stage_of(entry(), "t", said, none, FRESH_S * 1000 - 1) == "fresh"


def test_an_entry_of_an_earlier_release_is_fresh_until_it_ends() -> None:
    """It knew no staleness."""
    old = entry(fresh_until_ms=None)
    assert stage_of(old, "t", CachePolicy(), SETTINGS, KEPT_S * 1000 - 1) == "fresh"
    assert stage_of(old, "t", CachePolicy(), SETTINGS, KEPT_S * 1000) == "unusable"


def test_what_is_left_is_below_zero_once_it_is_stale() -> None:
    """Rounded down: no stale answer claims to have something left."""
    assert freshness(entry(), 99_500) == freshness(entry(), 99_999)
    assert (freshness(entry(), 99_500).age_s, freshness(entry(), 99_500).ttl_s) == (99, 0)
    assert freshness(entry(), 100_001).ttl_s == -1
    assert freshness(entry(), -5_000).age_s == 0


@given(
    st.integers(0, 2_000_000),
    st.builds(
        CachePolicy,
        read=st.booleans(),
        **{
            name: st.none() | st.integers(0, 2_000)
            for name in (
                *("max_age_s", "min_fresh_s", "max_stale_s", "stale_while_revalidate_s"),
                "stale_if_error_s",
            )
        },
    ),
)
def test_only_fresh_entries_are_hits_and_nothing_expired_is_anything(
    now_ms: int, policy: CachePolicy
) -> None:
    """For whatever is said."""
    stage = stage_of(entry(), "t", policy, SETTINGS, now_ms)
    assert (stage == "fresh") == is_fresh(entry(), policy, now_ms)
    if stage in ("revalidate", "accepted"):
        assert policy.read
        assert now_ms >= FRESH_S * 1000
    if now_ms >= min(KEPT_S, FRESH_S + 500) * 1000:
        assert stage == "unusable"
