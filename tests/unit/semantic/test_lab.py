import pytest

from shared.wire.outcome import Verdict
from workers.semantic.lab import CHANCES, COSINES, Explained, points, suggested
from workers.semantic.plot import plotted

PASSES = (Verdict("numbers", passed=True), Verdict("entities", passed=True))
PAIRS = (
    Explained(0.96, 0.97, PASSES),
    Explained(0.91, 0.92, (*PASSES, Verdict("substitution", passed=False))),
    Explained(0.97, 0.30, PASSES),
    Explained(0.96, 0.96, (Verdict("contradiction", passed=False),)),
)
LABELS = (True, True, False, False)


def test_every_policy_is_measured_on_its_own_scale() -> None:
    """Cosine lets both false pairs through, guards one of them, the verifier none and more true ones."""
    found = {(point.policy, point.threshold): point for point in points(PAIRS, LABELS, 0.88)}
    assert len(found) == 2 * len(COSINES) + len(CHANCES)
    cosine, guards, verified = (found[key] for key in (("cosine", 0.9), ("guards", 0.9), ("verified", 0.9)))
    assert (cosine.hit_rate, cosine.false_hit_rate) == (1.0, 1.0)
    assert (guards.hit_rate, guards.false_hit_rate) == (0.5, 0.5)
    assert (verified.hit_rate, verified.false_hit_rate) == (1.0, 0.0)
    assert cosine.wrong_of_hits == pytest.approx(0.5)


def test_the_suggestion_hits_most_within_the_limit() -> None:
    """A limit that nothing keeps brings no suggestion, rather than a bad one."""
    found = points(PAIRS, LABELS, 0.88)
    best = suggested(found, 0.01)
    assert best is not None
    assert (best.policy, best.hit_rate) == ("verified", 1.0)
    assert suggested([point for point in found if point.policy == "cosine"], 0.01) is None


def test_the_plot_names_every_policy() -> None:
    """One line each, and a title for every point."""
    drawn = plotted(points(PAIRS, LABELS, 0.88))
    assert drawn.count("<polyline") == 3
    assert drawn.count("<title>") == 2 * len(COSINES) + len(CHANCES)
