"""A pair of questions as numbers, the same in both directions."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from workers.semantic.guards import judge_weighed
from workers.semantic.minilm.tokens import Tokens
from workers.semantic.verifier.alignment import contexts, coverage, order, weights

Vector = NDArray[np.float32]
Matrix = NDArray[np.float32]

COUNT = 57
"""Numbers that `features` gives."""


def features(asked: Tokens, stored: Tokens) -> Vector:
    """Measure a pair: float32 [57], the cosine first; the guards' verdicts are not in it.

    Raises ValueError for a text without a token.
    """
    if not len(asked.ids) or not len(stored.ids):
        raise ValueError("a text without a token")
    ours, theirs = weights(asked.ids), weights(stored.ids)
    words, meanings = asked.words @ stored.words.T, asked.meanings @ stored.meanings.T
    both = np.stack([meanings, words])
    same = asked.ids[:, None] == stored.ids[None, :]
    here, there = same.any(axis=1), same.any(axis=0)
    blend = (words + meanings) * np.float32(0.5)
    return np.concatenate(
        [
            np.array([asked.mean @ stored.mean], dtype=np.float32),
            _both(coverage(both, ours, here), coverage(both.transpose(0, 2, 1), theirs, there)),
            _mean(contexts(meanings, same, ours), contexts(meanings.T, same.T, theirs)),
            _mean(order(blend, ours), order(blend.T, theirs)),
            _neighbours(asked.ids.tolist(), stored.ids.tolist()),
        ]
    )


def verdicts(asked: str, stored: str) -> Vector:
    """Which guards refuse the pair, as zeros and ones."""
    return np.array([not verdict.passed for verdict in judge_weighed(asked, stored)], dtype=np.float32)


def products(asked: Tokens, stored: Tokens) -> Vector:
    """Where the two means differ and where they agree, per dimension: float32 [768]."""
    return np.concatenate([np.abs(asked.mean - stored.mean), asked.mean * stored.mean])


def _both(one: Matrix, two: Matrix) -> Vector:
    """The lesser and the greater of both directions, measure by measure."""
    return np.stack([np.minimum(one, two), np.maximum(one, two)], axis=1).ravel()


def _mean(one: Vector, two: Vector) -> Vector:
    return (one + two) * np.float32(0.5)


def _neighbours(ours: list[int], theirs: list[int]) -> Vector:
    """How many pairs of neighbours both have, and how long both are."""
    here, there = set(pairwise(ours)), set(pairwise(theirs))
    shorter, longer = sorted((len(ours), len(theirs)))
    fewer, more = sorted((len(here), len(there)))
    common = len(here & there)
    return np.array(
        [
            common / max(1, fewer),
            common / max(1, more),
            shorter / longer,
            np.log(shorter),
            np.log(longer),
            sorted(ours) == sorted(theirs),
        ],
        dtype=np.float32,
    )
