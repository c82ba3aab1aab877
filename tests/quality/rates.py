"""How well a score tells true pairs from false ones."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.floating[Any]]
Labels = NDArray[np.bool_]


def auc(scores: Scores, labels: Labels) -> float:
    """The chance that a true pair scores above a false one, ties half; nan without both."""
    true, false = np.sort(scores[labels]), np.sort(scores[~labels])
    if not len(true) or not len(false):
        return float("nan")
    below = np.searchsorted(false, true, "left") + np.searchsorted(false, true, "right")
    return float(below.sum() / (2 * len(true) * len(false)))


def threshold_for(scores: Scores, hit_rate: float) -> float:
    """The highest threshold at which at least this share of these (true) pairs hits."""
    return float(np.quantile(scores, 1 - hit_rate, method="lower"))


def hit_share(scores: Scores, threshold: float) -> float:
    """The share of these pairs that hits; nan without any."""
    return float((scores >= threshold).mean()) if len(scores) else float("nan")


def false_hits_at(scores: Scores, labels: Labels, hit_rate: float) -> float:
    """The share of false pairs that hits where this share of the true ones does; nan without both."""
    if labels.all() or not labels.any():
        return float("nan")
    return hit_share(scores[~labels], threshold_for(scores[labels], hit_rate))


def logistic(scores: Scores, labels: Labels, *, steps: int) -> tuple[float, float]:
    """The slope and offset by which scores become log odds of a true pair, by so many steps downhill."""
    slope, offset = 1.0, -float(np.median(scores))
    for _ in range(steps):
        wrong = 1 / (1 + np.exp(-(slope * scores + offset))) - labels
        slope -= 0.02 * float((wrong * scores).mean())
        offset -= 0.2 * float(wrong.mean())
    return slope, offset
