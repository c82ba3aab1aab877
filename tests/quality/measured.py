"""Pairs as the verifier sees them, kept on disk: measuring them is what takes time."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.quality.pairs import Pair
from workers.semantic.guards import WEIGHED, judge
from workers.semantic.minilm.model import Model
from workers.semantic.minilm.weights import installed
from workers.semantic.verifier.features import COUNT, features, products

Array = NDArray[np.float32]
PROGRESS = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Pairs with their numbers [pairs, n], guards' refusals [pairs, guards] and products [pairs, 768]."""

    pairs: Sequence[Pair]
    numbers: Array
    refusals: Array
    products: Array

    @property
    def cosines(self) -> Array:
        """The cosines of the two questions' vectors."""
        return self.numbers[:, 0]

    @property
    def inputs(self) -> Array:
        """The numbers and those refusals that it weighs, as the head takes them."""
        return np.concatenate([self.numbers, self.refusals[:, :WEIGHED]], axis=1)

    @property
    def labels(self) -> NDArray[np.bool_]:
        """Which pairs are the same question."""
        return np.array([pair.label == 1 for pair in self.pairs])

    @property
    def sets(self) -> NDArray[np.str_]:
        """The name of each pair's set."""
        return np.array([pair.set for pair in self.pairs])

    def only(self, chosen: NDArray[Any]) -> "Measured":
        """Those that a mask chooses."""
        pairs = [pair for pair, wanted in zip(self.pairs, chosen, strict=True) if wanted]
        return Measured(pairs, self.numbers[chosen], self.refusals[chosen], self.products[chosen])


def measured(pairs: Sequence[Pair], models: Path) -> Measured:
    """Measure pairs, or read what was measured before; the model lies in `models`."""
    digest = hashlib.sha256(repr([(COUNT, pair.a, pair.b) for pair in pairs]).encode()).hexdigest()[:16]
    path = models / f"measured-{digest}.npz"
    if not path.exists():
        _measure(pairs, models, path)
    with np.load(path, allow_pickle=False) as stored:
        # Guards change more often than the model does, and cost next to nothing.
        refusals = np.array(
            [[not verdict.passed for verdict in judge(pair.a, pair.b)] for pair in pairs], dtype=np.float32
        )
        return Measured(pairs, stored["numbers"], refusals, stored["products"].astype(np.float32))


def _measure(pairs: Sequence[Pair], models: Path, path: Path) -> None:
    model = Model.load(models, installed())
    rows: list[tuple[Array, Array]] = []
    for i, pair in enumerate(pairs):
        one, two = model.read(pair.a), model.read(pair.b)
        rows.append((features(one, two), products(one, two)))
        if i % PROGRESS == 0:
            sys.stderr.write(f"{i} of {len(pairs)} pairs measured\n")
    numbers, multiplied = (np.array(column) for column in zip(*rows, strict=True))
    np.savez(path, numbers=numbers, products=multiplied.astype(np.float16))
