"""The judge of two answers: same, different, or not sure."""

import pytest

from workers.semantic.same_answer import same_answer

LONG = (
    "Redis keeps data in memory and writes it to disk in the background, which makes reads fast; "
    "it offers lists, sets, hashes and streams."
)
LONG_REWORDED = (
    "Redis is a store that keeps its data in memory, with lists, sets, hashes and streams, and writes it "
    "to disk in the background; reads are fast."
)


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("Paris", "paris.", None),
        ("Paris.", "The capital of France is Paris.", 0.7),
        ("42", "The answer is 42.", 0.4),
        (LONG, LONG_REWORDED, 0.93),
        (LONG, LONG_REWORDED, None),
    ],
)
def test_the_same_said_otherwise_is_the_same(one: str, other: str, similarity: float | None) -> None:
    """Both ways round."""
    assert same_answer(one, other, similarity) == "same"
    assert same_answer(other, one, similarity) == "same"


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("Paris", "London", 0.6),
        ("It is Paris.", "It is London.", 0.7),
        ("Yes, you can.", "No, you cannot.", 0.9),
        ("It costs 18 dollars.", "It costs 80 dollars.", 0.95),
        ("The limit is 8 %.", "The limit is 18 %.", None),
        (LONG, "To disable two factor login open the settings and choose security.", 0.1),
        ("Open settings and enable it.", "Open settings and disable it.", 0.75),
    ],
)
def test_what_cannot_both_be_so_is_different(one: str, other: str, similarity: float | None) -> None:
    """Both ways round."""
    assert same_answer(one, other, similarity) == "different"
    assert same_answer(other, one, similarity) == "different"


@pytest.mark.parametrize(
    ("one", "other", "similarity"),
    [
        ("", "Paris", 0.5),
        (LONG, LONG.replace("memory", "RAM") + " It was written in C by one man in Sicily.", 0.7),
        ("Open settings and enable it.", "Open settings and disable it.", 0.95),
    ],
)
def test_it_says_so_when_it_does_not_know(one: str, other: str, similarity: float | None) -> None:
    """Nothing is learned from a guess."""
    assert same_answer(one, other, similarity) == "unsure"
