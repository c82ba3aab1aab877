import random

import numpy as np
import pytest

from shared.error_bound import (
    BINS,
    NEVER,
    bin_of,
    bounded,
    edge_of,
    estimated,
    judged,
    nothing_seen,
    proposed,
)
from tests.quality.replay import replay, static_hit_share

BOUNDS = (0.01, 0.02, 0.05)


def stream(length: int, seed: int, *, boast: float = 0.0) -> tuple[list[float], list[bool], list[float]]:
    """Proposals whose chances are right up to `boast` in log odds, and a weaker score of each beside."""
    rng = random.Random(seed)
    chances, labels, weaker = [], [], []
    for _ in range(length):
        odds = rng.gauss(1.0, 2.5)
        labels.append(rng.random() < 1 / (1 + np.exp(-odds)))
        chances.append(float(1 / (1 + np.exp(-odds - boast))))
        weaker.append(odds + rng.gauss(0, 3))
    return chances, labels, weaker


@pytest.mark.parametrize("most_wrong", BOUNDS)
@pytest.mark.parametrize("seed", range(4))
def test_wrong_hits_stay_under_the_bound_and_hits_above_a_static_threshold(
    most_wrong: float, seed: int
) -> None:
    """The static threshold is given all labels beforehand, on a score that tells less; it hits less."""
    chances, labels, weaker = stream(20_000, seed)
    replayed = replay(chances, labels, most_wrong, seed=seed)
    assert replayed.wrong_share <= most_wrong
    assert replayed.hit_share > static_hit_share(np.array(weaker), np.array(labels), most_wrong)


@pytest.mark.parametrize("most_wrong", BOUNDS)
def test_a_boasting_head_is_found_out(most_wrong: float) -> None:
    """Chances twice too sure in log odds: judged pairs tell, and the threshold rises."""
    chances, labels, _ = stream(20_000, 5, boast=0.7)
    assert replay(chances, labels, most_wrong).wrong_share <= most_wrong


def test_traffic_that_turns_bad_tightens_the_policy() -> None:
    """Judgements of wrong hits raise the threshold by themselves."""
    tallies = nothing_seen()
    for _ in range(400):
        tallies = judged(proposed(tallies, 0.97), 0.97, right=True)
    before = bounded(tallies, 0.05)
    for _ in range(60):
        tallies = judged(proposed(tallies, 0.97), 0.97, right=False)
    assert before.threshold <= 0.97 < bounded(tallies, 0.05).threshold


def test_nothing_hits_before_anything_is_known() -> None:
    """A bound of 1 % is a promise from the first hit on."""
    assert bounded(nothing_seen(), 0.01).threshold == NEVER


def test_the_interval_holds_the_estimate_and_narrows() -> None:
    """More judged pairs, less doubt."""
    widths = []
    for count in (20, 2_000):
        tallies = nothing_seen()
        for i in range(count):
            tallies = judged(proposed(tallies, 0.95), 0.95, right=i % 50 != 0)
        estimate = estimated(tallies, 0.9)
        assert estimate.lower <= estimate.wrong <= estimate.upper
        widths.append(estimate.upper - estimate.lower)
    assert widths[1] < widths[0]


def test_a_policys_own_least_threshold_is_kept() -> None:
    """The bound may tighten a policy, never loosen it."""
    tallies = nothing_seen()
    for _ in range(2_000):
        tallies = judged(proposed(tallies, 0.9), 0.9, right=True)
    assert bounded(tallies, 0.2, least=0.8).threshold >= 0.8


def test_every_chance_lies_in_the_bin_of_its_edge() -> None:
    """Bins and edges are two views of one scale."""
    assert [bin_of(edge_of(place) + 1e-6) for place in range(BINS)] == list(range(BINS))
    assert (bin_of(0.0), bin_of(1.0)) == (0, BINS - 1)
