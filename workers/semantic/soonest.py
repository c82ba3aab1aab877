"""Which entry expires soonest, without sorting them all."""

import heapq

import numpy as np

from workers.semantic.rows import Rows

_SHARE = 100
_FEWEST = 64


class Soonest:
    """Finds the rows that expire first: one pass over all finds the next percent of them.

    The heap holds every entry that expires at or before `_bound`, and possibly some that have changed
    since, which are recognised when their turn comes.
    """

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._heap: list[tuple[int, str]] = []
        self._bound = -1

    def note(self, entry_id: str, expires_at_ms: int) -> None:
        """Hear of an entry that was written."""
        if expires_at_ms <= self._bound:
            heapq.heappush(self._heap, (expires_at_ms, entry_id))

    def look(self) -> tuple[int, str] | None:
        """Return when the first entry expires and its id; None when there are none."""
        while len(self._rows):
            while self._heap:
                expires_at_ms, entry_id = self._heap[0]
                row = self._rows.number.get(entry_id)
                if row is not None and self._rows.expires_at_ms[row] == expires_at_ms:
                    return expires_at_ms, entry_id
                heapq.heappop(self._heap)
            self._gather()
        return None

    def _gather(self) -> None:
        expiries = self._rows.expires_at_ms[: len(self._rows)]
        share = min(max(len(expiries) // _SHARE, _FEWEST), len(expiries))
        self._bound = int(np.partition(expiries, share - 1)[share - 1])
        soon = np.flatnonzero(expiries <= self._bound)
        self._heap = [(int(expiries[row]), self._rows.ids[row]) for row in soon]
        heapq.heapify(self._heap)
