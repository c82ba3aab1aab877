"""Traffic of the past, replayed through the policies."""

from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.semantic.traffic import Asked, Traffic, replayed, suggested
from workers.semantic.verifier.verifier import Pairs


class Model:
    """Places on a circle instead of meanings; the chance is the cosine."""

    def __init__(self, places: dict[str, float]) -> None:
        self._places = places

    def vector(self, text: str) -> NDArray[np.float32]:
        """Where the text is."""
        angle = self._places[text]
        return np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)

    def measured(self, one: str, two: str) -> tuple[float, float]:
        """Cosine and chance."""
        cosine = float(self.vector(one) @ self.vector(two))
        return cosine, cosine

    def cosine(self, one: str, two: str) -> float | None:
        """Of answers: alike when they are equal."""
        return 1.0 if one == two else 0.2


MODEL = cast("Pairs", Model({"tea": 0.0, "more tea": 0.1, "coffee": 0.5, "cake": 2.0}))
REQUESTS = [
    Asked(prompt="tea", answer="Boil water.", cost_usd=0.5),
    Asked(question="cake", answer="Mix flour and eggs.", cost_usd=0.5),
    Asked(text="more tea", answer="Boil water.", cost_usd=0.5),
    Asked(prompt="coffee", answer="Grind ten beans.", cost_usd=0.5),
    Asked(prompt="tea"),
]


def test_hits_misses_and_repetitions_are_told_apart_and_judged_by_the_answers() -> None:
    """The wrong hit is the one whose own answer was another."""
    strict = Traffic(MODEL, REQUESTS).replay("cosine", 0.95, cost=2.0, least_cosine=0.8)
    lax = Traffic(MODEL, REQUESTS).replay("cosine", 0.80, cost=2.0, least_cosine=0.8)
    assert (strict.requests, strict.exact, strict.hits, strict.right, strict.wrong) == (5, 1, 1, 1, 0)
    assert (lax.hits, lax.right, lax.wrong) == (2, 1, 1)
    assert (strict.hit_rate, lax.wrong_of_hits) == (0.25, 0.5)


def test_what_is_saved_is_what_the_calls_had_cost() -> None:
    """The line says so, else the typical call."""
    outcome = Traffic(MODEL, REQUESTS).replay("cosine", 0.95, cost=2.0, least_cosine=0.8)
    assert outcome.saved == pytest.approx(0.5 + 2.0)


def test_without_answers_the_chances_say_what_is_to_be_expected() -> None:
    """Nobody can judge, so the verifier's own word is taken."""
    bare = [Asked(prompt=name) for name in ("tea", "more tea")]
    outcome = Traffic(MODEL, bare).replay("cosine", 0.95, cost=1.0, least_cosine=0.8)
    assert (outcome.right, outcome.wrong) == (0, 0)
    assert outcome.wrong_of_hits == pytest.approx(1 - np.cos(0.1), abs=1e-6)


def test_the_suggestion_saves_most_within_the_limit() -> None:
    """And there is none where nothing keeps to it."""
    found = replayed(MODEL, REQUESTS, cost=1.0, least_cosine=0.8)
    best = suggested(found, 0.1)
    assert best is not None
    assert best.wrong_of_hits <= 0.1
    assert best.saved == max(one.saved for one in found if one.hits and one.wrong_of_hits <= 0.1)
    assert suggested([one for one in found if one.wrong_of_hits > 0.1], 0.1) is None
