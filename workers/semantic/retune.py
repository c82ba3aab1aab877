"""Learns an index's sign codes beside the work: the one slow thing an index does."""

from dataclasses import dataclass

import numpy as np

from workers.semantic.embedder import Vectors
from workers.semantic.signs import WORD, Codes, Rotation, bits_for, fitted

_SAMPLE = 30_000
_AT_ONCE = 4_096
_SEED = 1


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A rotation and the codes of all rows by it, [words, capacity]; `learnt_from` rows it was fitted."""

    rotation: Rotation
    codes: Codes
    learnt_from: int


class Retune:
    """New codes in the making. `learn` and `catch_up` run in another thread, all else in the index's own.

    `changed` are rows that were written since they were encoded, or while they were: the thread may have
    read half of one, which is why they are encoded again.
    """

    def __init__(self, vectors: Vectors, held: int) -> None:
        self.changed: set[int] = set()
        self.behind: list[int] = []
        self._vectors = vectors
        self._held = held
        self._coded: Coded | None = None

    @property
    def coded(self) -> Coded:
        """What was learnt."""
        if self._coded is None:
            raise RuntimeError("nothing was learnt yet")
        return self._coded

    def learn(self) -> None:
        """Fit the planes to a sample of the rows and encode all of them."""
        chosen = np.random.default_rng(_SEED).choice(self._held, min(self._held, _SAMPLE), replace=False)
        bits = bits_for(self._vectors.shape[1], self._held)
        rotation = fitted(self._vectors[np.sort(chosen)], bits)
        codes = np.empty((len(rotation.offset) // WORD, len(self._vectors)), dtype=np.uint64)
        for start in range(0, self._held, _AT_ONCE):
            stop = min(start + _AT_ONCE, self._held)
            codes[:, start:stop] = rotation.codes(self._vectors[start:stop])
        self._coded = Coded(rotation, codes, self._held)

    def catch_up(self) -> None:
        """Encode the rows that changed meanwhile."""
        for start in range(0, len(self.behind), _AT_ONCE):
            rows = self.behind[start : start + _AT_ONCE]
            self.coded.codes[:, rows] = self.coded.rotation.codes(self._vectors[rows])
        self.behind = []
