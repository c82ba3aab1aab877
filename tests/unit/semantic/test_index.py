import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from workers.semantic.embedder import Vectors
from workers.semantic.index import PartitionIndex
from workers.semantic.neighbours import Neighbour

LATER = 10_000


def unit(*numbers: float) -> Vectors:
    """The numbers as a unit vector."""
    vector = np.array(numbers, dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)


def test_neighbours_come_best_first_and_at_most_k() -> None:
    """The caller judges them in order and stops at the first that serves."""
    index = PartitionIndex(2, 10)
    for entry_id, vector in {"far": unit(0, 1), "near": unit(1, 0.1), "mid": unit(1, 1)}.items():
        index.upsert(entry_id, vector, LATER)
    found = index.nearest(unit(1, 0), 2, now_ms=0)
    assert [neighbour.entry_id for neighbour in found] == ["near", "mid"]
    assert found[1].similarity == pytest.approx(2**-0.5, abs=1e-6)


def test_expired_entries_are_not_found() -> None:
    """An entry is dead at the millisecond it expires."""
    index = PartitionIndex(2, 10)
    index.upsert("a", unit(1, 0), 100)
    assert index.nearest(unit(1, 0), 3, now_ms=99) == [Neighbour("a", 1.0)]
    assert index.nearest(unit(1, 0), 3, now_ms=100) == []


def test_an_upsert_replaces_vector_and_expiry() -> None:
    """One entry has one row, the newest."""
    index = PartitionIndex(2, 10)
    index.upsert("a", unit(1, 0), 100)
    index.upsert("a", unit(0, 1), LATER)
    assert len(index) == 1
    assert index.nearest(unit(0, 1), 1, now_ms=200) == [Neighbour("a", 1.0)]


def test_a_full_index_drops_what_expires_soonest() -> None:
    """The dead go before the living, and the caller learns which."""
    index = PartitionIndex(2, 2)
    assert index.upsert("short", unit(1, 0), 100) is None
    assert index.upsert("long", unit(1, 0), LATER) is None
    assert index.upsert("new", unit(1, 0), 500) == "short"
    assert {n.entry_id for n in index.nearest(unit(1, 0), 5, now_ms=0)} == {"long", "new"}


def test_a_full_index_turns_away_what_would_be_the_next_to_go() -> None:
    """So that it holds the same entries in whatever order they came."""
    index = PartitionIndex(2, 1)
    assert index.upsert("long", unit(1, 0), LATER) is None
    assert index.upsert("short", unit(1, 0), 100) == "short"
    assert index.nearest(unit(1, 0), 5, now_ms=0) == [Neighbour("long", 1.0)]


@pytest.mark.parametrize("k", [0, -1])
def test_no_neighbours_are_found_where_none_are_wanted_or_held(k: int) -> None:
    """Nothing asked for and nothing held both mean an empty list."""
    index = PartitionIndex(2, 2)
    assert index.nearest(unit(1, 0), 3, now_ms=0) == []
    index.upsert("a", unit(1, 0), LATER)
    assert index.nearest(unit(1, 0), k, now_ms=0) == []


def test_vectors_of_another_space_are_refused() -> None:
    """A wrong length or a nan is an error, never a silent neighbour."""
    index = PartitionIndex(2, 2)
    with pytest.raises(ValueError, match="2 finite numbers"):
        index.upsert("a", unit(1, 0, 0), LATER)
    with pytest.raises(ValueError, match="2 finite numbers"):
        index.upsert("a", np.array([np.nan, 1], dtype=np.float32), LATER)
    with pytest.raises(ValueError, match="2 numbers"):
        index.nearest(unit(1, 0, 0), 1, now_ms=0)


CHANGES = st.lists(
    st.tuples(st.sampled_from("pr"), st.integers(0, 40), st.integers(0, 2**32), st.integers(1, 200)),
    max_size=150,
)


@settings(deadline=None, max_examples=60)
@given(CHANGES)
def test_the_index_agrees_with_a_plain_dictionary(changes: list[tuple[str, int, int, int]]) -> None:
    """Through growth, removal and replacement, it finds what a full scan of the same entries finds."""
    index = PartitionIndex(8, 1000)
    model: dict[str, tuple[Vectors, int]] = {}
    for op, number, seed, expires_at_ms in changes:
        entry_id = str(number)
        if op == "r":
            assert index.remove(entry_id) == (model.pop(entry_id, None) is not None)
            continue
        vector = unit(*np.random.default_rng(seed).normal(size=8))
        index.upsert(entry_id, vector, expires_at_ms)
        model[entry_id] = (vector, expires_at_ms)
    query = unit(*range(1, 9))
    best = sorted((float(v @ query) for v, expires in model.values() if expires > 100), reverse=True)[:5]
    assert len(index) == len(model)
    np.testing.assert_allclose([n.similarity for n in index.nearest(query, 5, 100)], best, atol=1e-6)
