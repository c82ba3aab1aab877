"""Pairs out of the written clusters: the same question in other words, and near misses."""

import hashlib
import random
from collections.abc import Sequence
from itertools import combinations, product
from pathlib import Path

import msgspec

from tests.quality.pairs import Pair

FOLDER = Path(__file__).with_name("written")
SET = "written"
NEAR_MISSES, BETWEEN_MISSES = 9, 2
"""Pairs of different questions that are taken from each cluster."""


class Cluster(msgspec.Struct, frozen=True):
    """Texts that ask one thing, and near misses with their paraphrases."""

    same: list[str]
    other: list[list[str]]

    @property
    def kept_out(self) -> bool:
        """Whether nothing may be learned from it: about one in sixteen, for ever the same."""
        return hashlib.sha256(self.same[0].encode()).digest()[0] < 16


def read_clusters() -> list[Cluster]:
    """Read all clusters."""
    lines = (line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_bytes().splitlines())
    return [msgspec.json.decode(line, type=Cluster) for line in lines]


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
