"""The trained head: a pair's numbers to the chance that one answer serves both."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

VERSION = 1
WEIGHTS = Path(__file__).with_name(f"head-{VERSION}.npz")
SPREAD = 8.0
"""Products of unit vectors are tiny; this brings them to the size of the other numbers."""
CLIP = 4.0
"""Standard deviations past which a number is as odd as it gets."""

_ODDS = 30.0  # log odds past which a chance is as good as 0 or 1


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Several small networks (the first axis) whose scores are averaged.

    `centre` and `scale` [n] standardise the numbers; `project` and `project_bias` [members, 768, k] reduce
    the products of the means; `hidden`, `hidden_bias`, `output` and `output_bias` are two layers. `lean`
    [3] holds the weight of the plain cosine beside the networks, and the slope and offset that make a
    chance of a score.
    """

    centre: Array
    scale: Array
    project: Array
    project_bias: Array
    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array
    lean: Array

    @classmethod
    def load(cls, path: Path = WEIGHTS) -> Self:
        """Read the weights, whole numbers of no code; raises OSError, ValueError or KeyError."""
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{field.name: stored[field.name].astype(np.float32) for field in fields(cls)})

    def save(self, path: Path = WEIGHTS) -> None:
        """Write the weights in half precision."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        wide = {"centre", "scale", "lean"}
        np.savez_compressed(
            path, **{name: a if name in wide else a.astype(np.float16) for name, a in arrays.items()}
        )

    def scores(self, numbers: Array, products: Array) -> Array:
        """Score pairs: numbers [pairs, n] with the cosine first, products [pairs, 768]; higher is safer."""
        known = np.clip((numbers - self.centre) / self.scale, -CLIP, CLIP)
        projected = np.maximum(products * SPREAD @ self.project + self.project_bias, 0)
        shape = (len(self.project), *known.shape)
        inputs = np.concatenate([np.broadcast_to(known, shape), projected], axis=2)
        inner = np.maximum(inputs @ self.hidden + self.hidden_bias, 0)
        logits: Array = (inner @ self.output + self.output_bias)[..., 0].mean(axis=0)
        scores: Array = logits + self.lean[0] * numbers[:, 0]
        return scores

    def odds(self, scores: Array) -> Array:
        """Turn scores into log odds."""
        odds: Array = self.lean[1] * scores + self.lean[2]
        return odds

    def chances(self, scores: Array) -> Array:
        """Turn scores into chances, 0 to 1."""
        return chance_of(self.odds(scores))


def chance_of(odds: Array | float) -> Array:
    """Turn log odds into chances, 0 to 1."""
    chances: Array = 1 / (1 + np.exp(-np.clip(odds, -_ODDS, _ODDS)))
    return chances
