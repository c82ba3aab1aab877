"""Float weights to int8, with one scale per output column or per row."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Seven bits: a pair of products then fits 16 bits, so processors without VNNI do not saturate and every
# processor computes the same vector. It costs no measurable accuracy here.
_COLUMN_LIMIT = 63
_ROW_LIMIT = 127


@dataclass(frozen=True, slots=True, eq=False)
class Quantised:
    """`values * scales` is about the original; `values` int8, `scales` float32."""

    values: NDArray[np.int8]
    scales: NDArray[np.float32]


def by_column(matrix: NDArray[np.float32]) -> Quantised:
    """Quantise a matrix product's right side [in, out]; scales are [out]."""
    return _symmetric(matrix, axis=0, limit=_COLUMN_LIMIT)


def by_row(table: NDArray[np.float32]) -> Quantised:
    """Quantise a lookup table [rows, width]; scales are [rows, 1]."""
    quantised = _symmetric(table, axis=1, limit=_ROW_LIMIT)
    return Quantised(quantised.values, quantised.scales[:, np.newaxis])


def _symmetric(matrix: NDArray[np.float32], *, axis: int, limit: int) -> Quantised:
    peaks = np.abs(matrix).max(axis=axis)
    scales = np.where(peaks > 0, peaks / limit, 1).astype(np.float32)
    values = np.rint(matrix / np.expand_dims(scales, axis))
    return Quantised(np.clip(values, -limit, limit).astype(np.int8), scales)
