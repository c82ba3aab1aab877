"""What of one question is found in the other, how alike, and in which order."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]
Cube = NDArray[np.float32]

_FIRST_WORD = 1996  # the tokenizer's ids below it are marks, digits and single letters
_WORDS = 28_528  # from there on ids rank words by how often they are used
_MARK_WEIGHT = 0.15
_LEAST_WEIGHT = 0.1
_WORST = 3
_ALIGNED = 0.6  # similarity from which a best match is a match at all
_CARRYING = 0.3  # weight from which a word's place matters


def weights(ids: NDArray[np.int64]) -> Vector:
    """How much each token says, 0.1 to 1: the rarer, the more; a word's rank stands in for its frequency."""
    return _BY_ID[ids]


def _weighed_ids() -> Vector:
    ids = np.arange(_FIRST_WORD + _WORDS)
    rank = np.log1p(np.maximum(ids - _FIRST_WORD + 1, 0)) / np.log(_WORDS)
    weight = np.where(ids < _FIRST_WORD, _MARK_WEIGHT, np.maximum(rank, _LEAST_WEIGHT))
    return weight.astype(np.float32)


_BY_ID = _weighed_ids()


def coverage(similarities: Cube, weight: Vector, shared: NDArray[np.bool_]) -> Matrix:
    """How well one side's tokens (rows) are found among the other's (columns): ten numbers for each measure.

    Similarities are [measures, rows, columns]. The numbers: the weighted mean of best matches, the three
    heaviest misses, the three worst matches, all that was missed, and the tokens that are not shared, by
    weight and by share.
    """
    best = similarities.max(axis=2)
    missed = (1 - best) * weight
    total, alone = weight.sum(), weight[~shared].sum()
    found = min(_WORST, len(weight))
    numbers = np.zeros((len(best), 10), dtype=np.float32)
    numbers[:, 0] = best @ weight / total
    numbers[:, 1 : 1 + found] = np.sort(missed)[:, : -found - 1 : -1]
    numbers[:, 4:7] = 1
    numbers[:, 4 : 4 + found] = np.sort(best)[:, :found]
    numbers[:, 7] = missed.sum(axis=1)
    numbers[:, 8:] = alone, alone / total
    return numbers


def contexts(similarity: Matrix, same: NDArray[np.bool_], weight: Vector) -> Vector:
    """How alike the shared tokens (rows against columns) are in their sentences, as five numbers.

    A word that plays another part in its sentence means something else there. The weighted mean, the
    worst, the two worst's mean, the heaviest loss, and the share of tokens that are shared.
    """
    shared = same.any(axis=1)
    heavy = weight[shared]
    if not len(heavy):
        return np.array([0, 0, 0, 1, 0], dtype=np.float32)
    alike = np.where(same, similarity, -1).max(axis=1)[shared]
    worst = np.sort(alike)[:2]
    return np.array(
        [
            alike @ heavy / heavy.sum(),
            worst[0],
            worst.sum() / len(worst),
            ((1 - alike) * heavy).max(),
            len(heavy) / len(weight),
        ],
        dtype=np.float32,
    )


def order(similarity: Matrix, weight: Vector) -> Vector:
    """How much the matched tokens (rows) have changed places, as five numbers.

    The share of inversions by weight, whether there is any, their number's logarithm, and how often
    neighbours stay neighbours or swap sides.
    """
    places = similarity.argmax(axis=1)
    keep = (similarity[np.arange(len(places)), places] > _ALIGNED) & (weight > _CARRYING)
    places, heavy = places[keep], weight[keep]
    count = len(places)
    if count < 2:  # noqa: PLR2004 - one thing has no order
        return np.zeros(5, dtype=np.float32)
    later = _later(count)
    pairs = np.minimum(heavy[:, None], heavy[None, :]) * later
    inverted = (places[:, None] > places[None, :]) & later
    many, steps = np.count_nonzero(inverted), places[1:] - places[:-1]
    return np.array(
        [
            pairs[inverted].sum() / pairs.sum(),
            many > 0,
            np.log1p(many),
            np.count_nonzero(steps == 1) / len(steps),
            np.count_nonzero(steps < 0) / len(steps),
        ],
        dtype=np.float32,
    )


@lru_cache(maxsize=256)  # as many as texts have tokens
def _later(count: int) -> NDArray[np.bool_]:
    """Which of so many things in a row (columns) come after which (rows)."""
    return np.triu(np.ones((count, count), dtype=np.bool_), 1)
