"""Labelled proposals replayed in order through the error bound, as a gateway would meet them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.error_bound import NEVER, bounded, judged, nothing_seen, proposed
from tests.quality.rates import Scores

LEARN_EVERY = 50
"""Proposals between two looks at the threshold."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a stream came to: the share of proposals that hit, and of those the share that was wrong."""

    hit_share: float
    wrong_share: float


def replay(
    chances: Sequence[float], labels: Sequence[bool], most_wrong: float, *, shadow: float = 0.1, seed: int = 1
) -> Replayed:
    """Serve a stream: a miss is judged by the answer it buys, a hit only where a shadow check falls on it."""
    rng, tallies, threshold = random.Random(seed), nothing_seen(), NEVER
    hits = wrong = 0
    for i, (chance, label) in enumerate(zip(chances, labels, strict=True)):
        if i % LEARN_EVERY == 0:
            threshold = bounded(tallies, most_wrong).threshold
        tallies = proposed(tallies, chance)
        hit = chance >= threshold
        hits += hit
        wrong += hit and not label
        if not hit or rng.random() < shadow:
            tallies = judged(tallies, chance, right=label)
    return Replayed(hits / len(chances), wrong / hits if hits else 0.0)


def static_hit_share(scores: Scores, labels: NDArray[np.bool_], most_wrong: float) -> float:
    """The most that one threshold hits within the same share of wrong, chosen with all labels known."""
    order = np.argsort(-scores, kind="stable")
    counts = np.arange(1, len(order) + 1)
    within = np.flatnonzero(np.cumsum(~labels[order]) / counts <= most_wrong)
    return float(counts[within[-1]] / len(order)) if len(within) else 0.0
