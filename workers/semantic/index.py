"""One partition's vectors in memory: exact nearest neighbours by dot product, bounded by a capacity."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workers.semantic.embedder import Vectors

_FIRST_ROWS = 64


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored entry and the cosine of its question to the one asked, -1 to 1."""

    entry_id: str
    similarity: float


class PartitionIndex:
    """The unit vectors of one partition, at most `capacity` of them; not for concurrent use.

    When full, the entry that expires soonest makes room: the dead go before the living, and of the
    living the one that could have served for the shortest time. Memory doubles as rows are added.
    """

    def __init__(self, dimensions: int, capacity: int) -> None:
        if dimensions < 1 or capacity < 1:
            raise ValueError("an index needs at least one dimension and room for one entry")
        self._dimensions = dimensions
        self._capacity = capacity
        # Rows 0 to len(self) are in use, in no order.
        self._vectors: Vectors = np.empty((0, dimensions), dtype=np.float32)
        self._expires_at_ms: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._entry_ids: list[str] = []
        self._rows: dict[str, int] = {}

    def __len__(self) -> int:
        """How many entries are held, expired ones not yet replaced included."""
        return len(self._entry_ids)

    def upsert(self, entry_id: str, vector: Vectors, expires_at_ms: int) -> str | None:
        """Store or replace an entry's unit vector; returns the entry that had to make room, if any.

        `expires_at_ms` is Unix time. Raises ValueError when the vector's shape differs or it is not finite.
        """
        if vector.shape != (self._dimensions,) or not np.isfinite(vector).all():
            raise ValueError(f"not {self._dimensions} finite numbers")
        evicted = None
        row = self._rows.get(entry_id)
        if row is None:
            if len(self) == self._capacity:
                evicted = self._entry_ids[int(self._expires_at_ms[: len(self)].argmin())]
                self.remove(evicted)
            row = self._append(entry_id)
        self._vectors[row] = vector
        self._expires_at_ms[row] = expires_at_ms
        return evicted

    def remove(self, entry_id: str) -> bool:
        """Forget an entry; false when it was not there."""
        row = self._rows.pop(entry_id, None)
        if row is None:
            return False
        last_id = self._entry_ids.pop()
        last = len(self._entry_ids)
        if row != last:
            # The last row fills the hole, so the rows in use stay together.
            self._vectors[row] = self._vectors[last]
            self._expires_at_ms[row] = self._expires_at_ms[last]
            self._entry_ids[row] = last_id
            self._rows[last_id] = row
        return True

    def nearest(self, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries not expired at `now_ms` (Unix time), most similar first.

        Raises ValueError when the vector's shape differs.
        """
        if vector.shape != (self._dimensions,):
            raise ValueError(f"not {self._dimensions} numbers")
        similarities = self._vectors[: len(self)] @ vector.astype(np.float32, copy=False)
        alive = self._expires_at_ms[: len(self)] > now_ms
        rows = _largest(np.where(alive, similarities, -np.inf), k)
        return [Neighbour(self._entry_ids[row], float(similarities[row])) for row in rows if alive[row]]

    def _append(self, entry_id: str) -> int:
        row = len(self._entry_ids)
        if row == len(self._vectors):
            size = min(max(2 * row, _FIRST_ROWS), self._capacity)
            self._vectors = _grown(self._vectors, size)
            self._expires_at_ms = _grown(self._expires_at_ms, size)
        self._entry_ids.append(entry_id)
        self._rows[entry_id] = row
        return row


def _grown(array: NDArray[Any], rows: int) -> NDArray[Any]:
    bigger = np.empty((rows, *array.shape[1:]), dtype=array.dtype)
    bigger[: len(array)] = array
    return bigger


def _largest(scores: NDArray[np.float32], k: int) -> list[int]:
    """The positions of the k largest scores, largest first."""
    k = min(k, len(scores))
    if k < 1:
        return []
    candidates = np.argpartition(scores, len(scores) - k)[-k:]
    best: list[int] = candidates[np.argsort(-scores[candidates], kind="stable")].tolist()
    return best
