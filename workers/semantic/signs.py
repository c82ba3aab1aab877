"""Vectors as bits: the signs of their principal components, rotated so that few signs are a close call.

Iterative quantisation: Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary
Codes" (CVPR 2011).
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from workers.semantic.embedder import Vectors

Codes: TypeAlias = NDArray[np.uint64]

WORD = 64
_MOST_BITS, _BITS_OF_MANY = 192, 128
MANY = 250_000
"""Rows from which fewer signs are kept: they are read at the speed of memory, and more rows are looked at."""
_ROUNDS = 15
_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class Rotation:
    """Which side of each plane a vector lies on: `axes` [dimensions, bits], `offset` [bits], float32."""

    axes: Vectors
    offset: Vectors

    def codes(self, vectors: Vectors) -> Codes:
        """Return the signs of vectors [n, dimensions] as [words, n]: one word of all, then the next."""
        bits = np.packbits(vectors @ self.axes > self.offset, axis=1, bitorder="little")
        return np.ascontiguousarray(bits.view("<u8").T)


def bits_for(dimensions: int, rows: int) -> int:
    """How many signs are kept of each row: whole words, and no more than there are dimensions."""
    return min(_MOST_BITS if rows < MANY else _BITS_OF_MANY, dimensions // WORD * WORD)


def fitted(sample: Vectors, bits: int) -> Rotation:
    """Learn so many planes from vectors [n, dimensions] of the partition itself; bits are whole words."""
    mean = sample.mean(axis=0)
    centred = sample - mean
    # Ascending: the last columns are the directions in which the vectors differ most.
    _, directions = np.linalg.eigh(centred.T @ centred)
    principal = np.ascontiguousarray(directions[:, -bits:], dtype=np.float32)
    axes = np.ascontiguousarray(principal @ _turned(centred @ principal))
    return Rotation(axes=axes, offset=mean @ axes)


def _turned(components: Vectors) -> Vectors:
    """Find the rotation [bits, bits] after which the components are closest to their own signs."""
    bits = components.shape[1]
    random = np.random.default_rng(_SEED).normal(size=(bits, bits))
    rotation = np.linalg.qr(random)[0].astype(np.float32)
    for _ in range(_ROUNDS):
        signs = np.where(components @ rotation > 0, np.float32(1), np.float32(-1))
        left, _, right = np.linalg.svd(components.T @ signs)
        rotation = left @ right
    return rotation
