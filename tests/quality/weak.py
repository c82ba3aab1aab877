"""Pairs taken from texts with classes: the nearest of two classes, and the near ones of the same."""

import random
from collections.abc import Sequence

import numpy as np

from tests.quality.pairs import Pair, Utterance
from workers.semantic.embedder import Vectors
from workers.semantic.guards import judge

NEAREST = 2
"""Neighbours of another class that each text is paired with."""


def weak_pairs(
    utterances: Sequence[Utterance], vectors: Vectors, *, least_same: float, most: int, seed: int = 3
) -> list[Pair]:
    """Pair each text with near ones, `most` of each label: another class is another answer, hardly ever not.

    The same class is the same answer where the cosine is at least `least_same` and no guard objects; some
    of these labels are wrong.
    """
    rng = random.Random(seed)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    classes = np.array([utterance.cls for utterance in utterances])
    same = classes[:, None] == classes[None, :]
    false, true = np.where(same, -1, similarity), np.where(same, similarity, -1)
    different = {_ordered(i, int(j)) for i in range(len(classes)) for j in np.argsort(-false[i])[:NEAREST]}
    equal: set[tuple[int, int]] = set()
    for i in range(len(classes)):
        near = [int(j) for j in np.argsort(-true[i])[:12] if true[i, j] > least_same]
        equal.update(_ordered(i, j) for j in rng.sample(near, min(NEAREST, len(near))))
    texts = [utterance.text for utterance in utterances]
    agreed = [(i, j) for i, j in sorted(equal) if all(v.passed for v in judge(texts[i], texts[j]))]
    chosen = [(p, 0) for p in _some(sorted(different), most, rng)] + [
        (p, 1) for p in _some(agreed, most, rng)
    ]
    name = f"weak-{utterances[0].set}"
    return [Pair(name, texts[i], texts[j], label) for (i, j), label in chosen]


def _ordered(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one < two else (two, one)


def _some(pairs: Sequence[tuple[int, int]], most: int, rng: random.Random) -> Sequence[tuple[int, int]]:
    return rng.sample(pairs, min(most, len(pairs)))
