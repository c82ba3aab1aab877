"""Beyond a few thousand rows, signs propose and vectors decide: nothing else may change."""

import numpy as np
import pytest

from workers.semantic.embedder import Vectors
from workers.semantic.index import SMALL, PartitionIndex

DIMENSIONS = 128
HELD = SMALL + 1500
LATER = 10_000


def questions(count: int, seed: int) -> Vectors:
    """Unit vectors in clusters, with few strong directions and many weak ones, as sentences have them."""
    rng = np.random.default_rng(seed)
    strength = 1 / np.sqrt(1 + np.arange(DIMENSIONS))
    centres = np.random.default_rng(0).normal(size=(300, DIMENSIONS)) * strength
    rows = centres[rng.integers(0, 300, count)] + 0.5 * rng.normal(size=(count, DIMENSIONS)) * strength
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def learn(index: PartitionIndex) -> None:
    """Do at once what a thread does beside the work."""
    retune = index.retune()
    assert retune is not None
    retune.learn()
    while not index.adopt(retune):
        retune.catch_up()


def filled(vectors: Vectors, capacity: int = 2 * HELD) -> PartitionIndex:
    """An index that has learnt its codes; the entry of row n is called n and expires at LATER + n."""
    index = PartitionIndex(DIMENSIONS, capacity)
    index.upsert_many(
        [str(n) for n in range(len(vectors))], vectors, list(range(LATER, LATER + len(vectors)))
    )
    learn(index)
    return index


def test_signs_and_a_look_find_what_a_full_scan_finds() -> None:
    """The same nearest entry for 995 of 1,000 questions, and the same decision for 999."""
    held, asked = questions(HELD, 1), questions(1000, 2)
    index = filled(held)
    similarities = asked @ held.T
    best, threshold = similarities.max(axis=1), np.median(similarities.max(axis=1))
    found = [index.nearest(vector, 1, now_ms=0)[0].similarity for vector in asked]
    assert np.isclose(found, best, atol=1e-6).mean() >= 0.995
    assert ((np.array(found) >= threshold) == (best >= threshold)).mean() >= 0.999


def test_many_questions_at_once_find_what_each_would_alone() -> None:
    """A batch is a matter of speed only."""
    index, asked = filled(questions(HELD, 1)), questions(5, 2)
    together = index.nearest_many(asked, 3, now_ms=0)
    for vector, found in zip(asked, together, strict=True):
        alone = index.nearest(vector, 3, now_ms=0)
        assert [n.entry_id for n in found] == [n.entry_id for n in alone]


def test_codes_follow_every_change_made_while_they_are_learnt() -> None:
    """What is written, replaced or removed meanwhile is found, or not found, by its own vector."""
    held, new = questions(HELD, 1), questions(1200, 2)
    index = PartitionIndex(DIMENSIONS, 2 * HELD)
    index.upsert_many([str(n) for n in range(HELD)], held, [LATER] * HELD)
    retune = index.retune()
    assert retune is not None
    assert index.retune() is None, "one at a time"
    retune.learn()
    for n in range(600):
        index.upsert(f"new {n}", new[n], LATER)
        index.remove(str(n))
    assert not index.adopt(retune), "too much to be caught up with at once"
    for n in range(600, 800):
        index.upsert(str(n), new[n], LATER)
    retune.catch_up()
    assert index.adopt(retune)
    found = {n: index.nearest(new[n], 1, now_ms=0)[0].entry_id for n in range(800)}
    assert found == {n: f"new {n}" if n < 600 else str(n) for n in range(800)}
    kept = [index.nearest(held[n], 1, now_ms=0)[0].entry_id for n in range(800, HELD)]
    assert kept == [str(n) for n in range(800, HELD)]
    gone = {index.nearest(held[n], 1, now_ms=0)[0].entry_id for n in range(600)}
    assert not gone & {str(n) for n in range(600)}


def test_changes_after_learning_are_found_by_their_new_codes() -> None:
    """An upsert, a replacement and the row that fills a hole."""
    index, new = filled(questions(HELD, 1)), questions(100, 2)
    for n in range(50):
        index.upsert(f"new {n}", new[n], LATER)
        index.upsert(str(n), new[50 + n], LATER)
        index.remove(str(1000 + n))
    for n in range(50):
        assert index.nearest(new[n], 1, now_ms=0)[0].entry_id == f"new {n}"
        assert index.nearest(new[50 + n], 1, now_ms=0)[0].entry_id == str(n)


def test_a_proposal_that_changed_meanwhile_is_judged_as_it_is_now() -> None:
    """Another thread proposes rows; an entry that was removed since never comes back under its name."""
    held = questions(HELD, 1)
    index = filled(held)
    asked = held[-1:]
    proposed = index.proposed(asked)
    index.remove(str(HELD - 1))
    index.upsert("0", held[-2], LATER)
    for neighbour in index.judged(asked, proposed, 50, now_ms=0)[0]:
        row = held[-2] if neighbour.entry_id == "0" else held[int(neighbour.entry_id)]
        assert neighbour.entry_id != str(HELD - 1)
        assert neighbour.similarity == pytest.approx(float(asked[0] @ row), abs=1e-6)


def test_the_dead_do_not_hide_the_living() -> None:
    """However many expired entries are nearer."""
    index, asked = filled(questions(HELD, 1)), questions(1, 3)[0]
    index.upsert_many([f"dead {n}" for n in range(2000)], np.tile(asked, (2000, 1)), [10] * 2000)
    assert index.nearest(asked, 1, now_ms=9)[0].entry_id.startswith("dead")
    alive = index.nearest(asked, 3, now_ms=10)
    assert len(alive) == 3
    assert not any(neighbour.entry_id.startswith("dead") for neighbour in alive)


def test_equal_questions_in_masses_still_find_the_nearest() -> None:
    """Thousands of ties are looked at in part only, and never instead of something nearer."""
    index, asked = filled(questions(HELD, 1)), questions(2, 3)
    index.upsert_many([f"tie {n}" for n in range(3000)], np.tile(asked[0], (3000, 1)), [LATER] * 3000)
    index.upsert("nearest", asked[1], LATER)
    assert index.nearest(asked[1], 1, now_ms=0)[0].entry_id == "nearest"
    assert index.nearest(asked[0], 1, now_ms=0)[0].entry_id.startswith("tie")


def test_a_full_index_drops_what_expires_soonest_in_order() -> None:
    """One for each that comes, however they were written."""
    vectors = questions(HELD, 1)
    index = filled(vectors, capacity=HELD)
    index.upsert("1", vectors[1], LATER * 9)
    index.upsert("70", vectors[70], LATER - 1)
    evicted = [index.upsert(f"new {n}", vectors[n], LATER * 9) for n in range(200)]
    soonest = ["70", "0", *(str(n) for n in range(2, 200) if n != 70), "200"]
    assert evicted == soonest[:200]
    assert len(index) == HELD


def test_what_has_expired_is_forgotten_a_little_at_a_time() -> None:
    """No more at once than was asked for, and nothing that is alive."""
    index = filled(questions(HELD, 1))
    now_ms = LATER + 99
    assert index.expire(now_ms, 60) == [str(n) for n in range(60)]
    assert index.expire(now_ms, 60) == [str(n) for n in range(60, 100)]
    assert index.expire(now_ms, 60) == []
    assert len(index) == HELD - 100


def test_room_is_made_once_and_learning_repeats_as_the_index_grows() -> None:
    """No later insert copies the rows; codes are learnt anew at four times the size."""
    index = filled(questions(HELD, 1), capacity=5 * HELD)
    rows = index._rows.vectors
    more = questions(3 * HELD + 1, 4)
    for start in range(0, len(more), 500):
        assert index.retune() is None
        batch = more[start : start + 500]
        index.upsert_many([f"{start + n}+" for n in range(len(batch))], batch, [LATER] * len(batch))
    assert index._rows.vectors is rows
    learn(index)


def test_a_batch_that_does_not_fit_stores_nothing() -> None:
    """One bad number refuses all; the caller puts them one by one."""
    index = PartitionIndex(2, 10)
    rows = np.array([[1, 0], [np.nan, 1]], dtype=np.float32)
    with pytest.raises(ValueError, match="2 finite numbers"):
        index.upsert_many(["a", "b"], rows, [LATER, LATER])
    assert len(index) == 0
