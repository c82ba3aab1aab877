from hypothesis import given, strategies as st

from workers.semantic.shares import shares


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=50))
def test_the_parts_add_up_and_none_is_more_than_one_off(total: int, weights: list[int]) -> None:
    """Money split among callers is neither lost nor made."""
    parts = shares(total, weights)
    assert sum(parts) == total
    whole = sum(weights)
    if whole:
        assert all(abs(part - total * w / whole) < 1 + 1e-6 for part, w in zip(parts, weights, strict=True))


def test_without_weights_there_are_no_parts() -> None:
    """A flight whose callers have all gone bills nobody."""
    assert shares(10, []) == []
    assert shares(10, [0, 0, 0]) == [3, 3, 4]
