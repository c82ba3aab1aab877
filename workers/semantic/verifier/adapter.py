"""What was learned on top of the local model: small changes of its weights, and the layers that judge a pair.

Changes of matrices are kept as products of two thin ones (LoRA: Hu et al., arXiv 2106.09685).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from workers.semantic.minilm.weights import Weights

Array = NDArray[np.float32]

VERSION = 3
WEIGHTS = Path(__file__).with_name(f"reader-{VERSION}.npz")
UP, DOWN, ADDED = "up:", "down:", "added:"
"""What the names of arrays begin with: a matrix's change is `up @ down`, a vector's is `added`."""


@dataclass(frozen=True, slots=True, eq=False)
class Adapter:
    """`changes` by the names above and the weight's own; `inner`, `inner_bias`, `outer` judge pooled states.

    `blend` [4] makes log odds of the reading, the cosine, the head's score and 1.
    """

    changes: Mapping[str, Array]
    inner: Array
    inner_bias: Array
    outer: Array
    blend: Array

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read the arrays, numbers and no code; raises OSError, ValueError or KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name].astype(np.float32) for name in stored.files}
        own = {name: arrays.pop(name) for name in ("inner", "inner_bias", "outer", "blend")}
        return cls(changes=arrays, **own)

    def save(self, path: Path = WEIGHTS) -> None:
        """Write the arrays in half precision, the blend in single."""
        layers = {"inner": self.inner, "inner_bias": self.inner_bias, "outer": self.outer}
        halves = {name: array.astype(np.float16) for name, array in {**self.changes, **layers}.items()}
        np.savez_compressed(path, blend=self.blend, **halves)  # type: ignore[arg-type] # numpy types no keywords

    def blended(self, reading: Array, cosine: Array, score: Array) -> Array:
        """The log odds that follow from readings, cosines and the head's scores, of one shape each."""
        odds: Array = np.stack([reading, cosine, score, np.ones_like(reading)], axis=-1) @ self.blend
        return odds

    def applied(self, weights: Weights) -> Weights:
        """The model's weights with all changes made; those that have none are the same arrays."""
        changed = dict(weights)
        for name, array in self.changes.items():
            if name.startswith(ADDED):
                weight = name.removeprefix(ADDED)
                changed[weight] = weights[weight] + array
            elif name.startswith(UP):
                weight = name.removeprefix(UP)
                changed[weight] = weights[weight] + array @ self.changes[DOWN + weight]
        return changed
