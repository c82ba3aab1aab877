"""One partition's vectors in memory: nearest neighbours by dot product, bounded by a capacity."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from workers.semantic import scan
from workers.semantic.embedder import Vectors
from workers.semantic.neighbours import Neighbour
from workers.semantic.retune import Coded, Retune
from workers.semantic.rows import ROW_OVERHEAD, Rows
from workers.semantic.signs import bits_for
from workers.semantic.soonest import Soonest

SMALL = 4096
"""Rows up to which every vector is compared; beyond, signs propose and vectors decide."""
_REFIT_GROWTH = 4
_FAST_EXACT = 10_000
_FAST_CODED = 200_000
_MOST_BEHIND = 500


class PartitionIndex:
    """The unit vectors of one partition, at most `capacity` of them.

    When full, the entry that expires soonest makes room, be it the new one: the dead go before the living,
    of the living the one that could have served for the shortest time, and every worker keeps the same,
    in whatever order it heard of them. Only `proposed` may run in another thread
    while this one changes the index; what it proposes is looked at again by `judged`.
    """

    def __init__(self, dimensions: int, capacity: int) -> None:
        if dimensions < 1 or capacity < 1:
            raise ValueError("an index needs at least one dimension and room for one entry")
        self.dimensions = dimensions
        self._rows = Rows(dimensions, capacity)
        self._soonest = Soonest(self._rows)
        self._coded: Coded | None = None
        self._retune: Retune | None = None

    def __len__(self) -> int:
        """How many entries are held, expired ones not yet replaced included."""
        return len(self._rows)

    def __contains__(self, entry_id: object) -> bool:
        return entry_id in self._rows.number

    @property
    def nbytes(self) -> int:
        """The memory that the rows take, about; room that was never written takes none."""
        room = len(self._rows.vectors)
        return (room if room <= SMALL else len(self)) * (4 * self.dimensions + ROW_OVERHEAD)

    @property
    def slow(self) -> bool:
        """Whether a search takes about a millisecond or more."""
        return len(self) > (_FAST_EXACT if self._coded is None else _FAST_CODED)

    def upsert(self, entry_id: str, vector: Vectors, expires_at_ms: int) -> str | None:
        """Store or replace an entry's unit vector; returns the entry for which there is no room, if any.

        `expires_at_ms` is Unix time. Raises ValueError when the vector's shape differs or it is not finite.
        """
        if vector.shape != (self.dimensions,) or not np.isfinite(vector).all():
            raise ValueError(f"not {self.dimensions} finite numbers")
        evicted = self._write(entry_id, vector, expires_at_ms)
        self._encode([entry_id])
        return evicted

    def upsert_many(
        self, entry_ids: Sequence[str], vectors: Vectors, expiries_ms: Sequence[int]
    ) -> list[str]:
        """Store many at once, vectors [n, dimensions]; returns those for which there is no room.

        Raises ValueError, with nothing stored, when the shape differs or a number is not finite.
        """
        if vectors.shape != (len(entry_ids), self.dimensions) or not np.isfinite(vectors).all():
            raise ValueError(f"not rows of {self.dimensions} finite numbers")
        evicted = [
            self._write(entry_id, vector, expires_at_ms)
            for entry_id, vector, expires_at_ms in zip(entry_ids, vectors, expiries_ms, strict=True)
        ]
        self._encode(entry_ids)
        return [entry_id for entry_id in evicted if entry_id is not None]

    def remove(self, entry_id: str) -> bool:
        """Forget an entry; false when it was not there."""
        moved = self._rows.remove(entry_id)
        if moved is None:
            return False
        hole, last = moved
        if self._coded is not None:
            self._coded.codes[:, hole] = self._coded.codes[:, last]
        if self._retune is not None:
            self._retune.changed.add(hole)
        return True

    def expire(self, now_ms: int, most: int) -> list[str]:
        """Forget at most so many entries that have expired at `now_ms`; returns them."""
        expired: list[str] = []
        while len(expired) < most:
            first = self._soonest.look()
            if first is None or first[0] > now_ms:
                break
            self.remove(first[1])
            expired.append(first[1])
        return expired

    def nearest(self, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries not expired at `now_ms` (Unix time), most similar first.

        Raises ValueError when the vector's shape differs.
        """
        if vector.shape != (self.dimensions,):
            raise ValueError(f"not {self.dimensions} numbers")
        return self.nearest_many(vector[np.newaxis], k, now_ms)[0]

    def nearest_many(self, vectors: Vectors, k: int, now_ms: int) -> list[list[Neighbour]]:
        """Search for many vectors [q, dimensions] at once, which costs less than one by one."""
        return self.judged(vectors, self.proposed(vectors), k, now_ms)

    def proposed(self, vectors: Vectors) -> list[NDArray[np.intp]]:
        """Return for each vector the rows that are worth an exact look; may run in another thread."""
        held, coded, rows = len(self._rows), self._coded, self._rows.vectors
        if held <= SMALL:
            return [np.arange(held)] * len(vectors)
        if coded is None:
            # Only until the first rotation is learnt.
            return [_largest(scores, scan.PROPOSED) for scores in vectors @ rows[:held].T]
        found = scan.distances(coded.codes[:, :held], coded.rotation.codes(vectors))
        return [scan.closest(distance) for distance in found]

    def judged(
        self, vectors: Vectors, proposed: Sequence[NDArray[np.intp]], k: int, now_ms: int
    ) -> list[list[Neighbour]]:
        """Compare proposed rows exactly, as they are now: one that has moved since costs recall only."""
        if len(self) <= SMALL:
            every = np.arange(len(self))
            similarities = vectors @ self._rows.vectors[: len(self)].T
            return [self._best(every, scores, k, now_ms) for scores in similarities]
        return [self._judged(vector, rows, k, now_ms) for vector, rows in zip(vectors, proposed, strict=True)]

    def retune(self) -> Retune | None:
        """Return work for another thread if the codes should be learnt (anew); then `adopt` it."""
        held = len(self)
        wanted = SMALL if self._coded is None else _REFIT_GROWTH * self._coded.learnt_from
        if self._retune is not None or held <= wanted or not bits_for(self.dimensions, held):
            return None
        self._retune = Retune(self._rows.vectors, held)
        return self._retune

    def adopt(self, retune: Retune) -> bool:
        """Search by new codes; false when too many rows changed meanwhile and `catch_up` must run first."""
        behind = [row for row in retune.changed if row < len(self)]
        retune.changed = set()
        if len(behind) > _MOST_BEHIND:
            retune.behind = behind
            return False
        coded = retune.coded
        coded.codes[:, behind] = coded.rotation.codes(self._rows.vectors[behind])
        self._coded, self._retune = coded, None
        return True

    def _write(self, entry_id: str, vector: Vectors, expires_at_ms: int) -> str | None:
        evicted = None
        row = self._rows.number.get(entry_id)
        if row is None:
            if len(self) == self._rows.capacity and (first := self._soonest.look()):
                if expires_at_ms < first[0]:
                    return entry_id
                evicted = first[1]
                self.remove(evicted)
            row = self._rows.append(entry_id)
        self._rows.vectors[row] = vector
        self._rows.expires_at_ms[row] = expires_at_ms
        self._soonest.note(entry_id, expires_at_ms)
        return evicted

    def _encode(self, entry_ids: Sequence[str]) -> None:
        if self._coded is None and self._retune is None:
            return
        rows = [row for entry_id in entry_ids if (row := self._rows.number.get(entry_id)) is not None]
        if self._coded is not None:
            self._coded.codes[:, rows] = self._coded.rotation.codes(self._rows.vectors[rows])
        if self._retune is not None:
            self._retune.changed.update(rows)

    def _judged(self, vector: Vectors, rows: NDArray[np.intp], k: int, now_ms: int) -> list[Neighbour]:
        rows = rows[rows < len(self)]
        best = self._best(rows, self._rows.vectors[rows] @ vector, k, now_ms)
        if len(best) < k and len(rows) > len(best):
            # The dead may have crowded out the living.
            every = np.arange(len(self))
            return self._best(every, self._rows.vectors[: len(self)] @ vector, k, now_ms)
        return best

    def _best(self, rows: NDArray[np.intp], similarities: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        alive = self._rows.expires_at_ms[rows] > now_ms
        places = _largest(np.where(alive, similarities, -np.inf), k)
        return [
            Neighbour(self._rows.ids[rows[place]], float(similarities[place]))
            for place in places
            if alive[place]
        ]


def _largest(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """The positions of the k largest scores, largest first."""
    k = max(0, min(k, len(scores)))
    candidates = np.argpartition(scores, len(scores) - k)[len(scores) - k :] if k else np.arange(0)
    return candidates[np.argsort(-scores[candidates], kind="stable")]
