"""Pairs out of the written clusters: the same question, near misses, and neighbours from other clusters."""

import random
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.quality.pairs import Pair, kept_out, lines_of

FOLDER = Path(__file__).with_name("written")
SET = "written"
NEAR_MISSES, BETWEEN_MISSES = 9, 2
"""Pairs of different questions that are taken from each cluster."""
NEIGHBOURS, MOST_ALIKE = 40, 0.84
"""How many of the nearest texts are looked at, and the cosine past which two clusters may ask one thing."""
_PICKED = 0.75  # of the texts, those that are paired with a neighbour
_CHUNK = 1024


class Cluster(msgspec.Struct, frozen=True):
    """Texts that ask one thing, and near misses with their paraphrases."""

    same: list[str]
    other: list[list[str]]

    @property
    def kept_out(self) -> bool:
        """Whether nothing may be learned from it."""
        return kept_out(self.same[0])


def read_clusters(names: str = "*") -> list[Cluster]:
    """Read the clusters of all files, or of those whose names match."""
    return [msgspec.json.decode(line, type=Cluster) for line in lines_of(FOLDER, names)]


def pairs_of(clusters: Sequence[Cluster]) -> list[Pair]:
    """All true pairs, and some of the false ones: most of those are much alike."""
    rng = random.Random(0)
    pairs: list[Pair] = []
    for cluster in clusters:
        groups = [cluster.same, *cluster.other]
        pairs += [Pair(SET, a, b, 1) for group in groups for a, b in combinations(group, 2)]
        near = [Pair(SET, a, b, 0) for other in cluster.other for a, b in product(cluster.same, other)]
        between = [
            Pair(SET, a, b, 0) for one, two in combinations(cluster.other, 2) for a, b in product(one, two)
        ]
        pairs += rng.sample(near, min(len(near), NEAR_MISSES))
        pairs += rng.sample(between, min(len(between), BETWEEN_MISSES))
    return pairs


def neighbours(clusters: Sequence[Cluster], vectors: NDArray[np.float32], seed: int = 4) -> list[Pair]:
    """Pair texts with texts of other clusters that are somewhat alike: near misses alone teach distrust.

    `vectors` [texts, 384] are those of `texts_in` the clusters.
    """
    rng = random.Random(seed)
    texts = texts_in(clusters)
    owner = np.array([i for i, cluster in enumerate(clusters) for _ in _texts(cluster)])
    chosen = np.array([i for i in range(len(texts)) if rng.random() < _PICKED])
    pairs: list[Pair] = []
    for start in range(0, len(chosen), _CHUNK):
        rows = chosen[start : start + _CHUNK]
        alike = vectors[rows] @ vectors.T
        alike[owner[rows][:, None] == owner[None, :]] = -1
        nearest = np.argpartition(-alike, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
        for row, text in enumerate(rows):
            ranked = nearest[row][np.argsort(-alike[row, nearest[row]])]
            ranked = ranked[alike[row, ranked] < MOST_ALIKE]
            if len(ranked):
                other = ranked[min(int(rng.expovariate(0.25)), len(ranked) - 1)]
                pairs.append(Pair(SET, texts[text], texts[other], 0))
    return pairs


def texts_in(clusters: Sequence[Cluster]) -> list[str]:
    """All texts, cluster by cluster."""
    return [text for cluster in clusters for text in _texts(cluster)]


def _texts(cluster: Cluster) -> Iterator[str]:
    yield from cluster.same
    for group in cluster.other:
        yield from group
