"""Embeddings that are good enough to test with."""

import math

import pytest

from simulator.vectors import embed, unit


def similarity(one: str, other: str) -> float:
    """Return the cosine of two texts."""
    pairs = zip(unit(embed(one, 1024, "t")), unit(embed(other, 1024, "t")), strict=True)
    return math.fsum(left * right for left, right in pairs)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is the capital of France?", "what's the capital of France"),
        ("How do I reset my password?", "How can I reset my password"),
    ],
)
def test_rewordings_are_near(one: str, other: str) -> None:
    """Small words, case and punctuation weigh little."""
    assert similarity(one, other) > 0.9


def test_unrelated_texts_are_far() -> None:
    """Without common words or letters there is no direction in common."""
    assert abs(similarity("How do I reset my password?", "What is the capital of France?")) < 0.3


@pytest.mark.parametrize("text", ["", "?!", "日本語", "a"])
@pytest.mark.parametrize("dimensions", [1, 64, 1024])
def test_every_text_has_a_direction(text: str, dimensions: int) -> None:
    """A vector of zeros could not be normalized."""
    vector = embed(text, dimensions, "t")
    assert len(vector) == dimensions
    assert math.isclose(math.fsum(number * number for number in unit(vector)), 1.0)


def test_spaces_do_not_mix() -> None:
    """Vectors of different tasks must not look alike."""
    assert embed("password", 64, "text-matching") != embed("password", 64, "classification")
    assert embed("password", 64, "text-matching") == embed("password", 64, "text-matching")
