"""The rows of one partition: vectors, expiries and ids that stay together and grow without copying much."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.semantic.embedder import Vectors

_FIRST_ROWS = 64
_LAST_COPY = 4096
ROW_OVERHEAD = 200
"""Bytes of a row beside its vector: id, number, expiry, code."""


class Rows:
    """Rows 0 to len(self) are in use, in no order; `number` tells an entry's.

    Room doubles up to 4,096 rows and then jumps to `capacity`: the system gives a page of memory when it is
    first written, so the jump costs address space only, and no later insert copies what is there.
    """

    def __init__(self, dimensions: int, capacity: int) -> None:
        self.capacity = capacity
        self.vectors: Vectors = np.empty((0, dimensions), dtype=np.float32)
        self.expires_at_ms: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self.ids: list[str] = []
        self.number: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def append(self, entry_id: str) -> int:
        """Give an entry that is not there a row of its own, not yet written."""
        row = len(self.ids)
        if row == len(self.vectors):
            size = max(2 * row, _FIRST_ROWS)
            size = min(size if size <= _LAST_COPY else self.capacity, self.capacity)
            self.vectors = grown(self.vectors, size)
            self.expires_at_ms = grown(self.expires_at_ms, size)
        self.ids.append(entry_id)
        self.number[entry_id] = row
        return row

    def remove(self, entry_id: str) -> tuple[int, int] | None:
        """Forget an entry, its hole filled by the last row; returns (hole, last row), None if not there."""
        row = self.number.pop(entry_id, None)
        if row is None:
            return None
        last_id = self.ids.pop()
        last = len(self.ids)
        if row != last:
            self.vectors[row] = self.vectors[last]
            self.expires_at_ms[row] = self.expires_at_ms[last]
            self.ids[row] = last_id
            self.number[last_id] = row
        return row, last


def grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return an array of more rows that begins with the given one."""
    bigger = np.empty((rows, *array.shape[1:]), dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger
