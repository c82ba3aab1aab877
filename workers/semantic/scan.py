"""The first stage of a search in a large partition: the rows whose signs differ least."""

import numpy as np
from numpy.typing import NDArray

from workers.semantic.signs import Codes

PROPOSED = 400
PROPOSED_OF = 1_000
"""One row of so many is proposed where that is more than 400: neighbours crowd as an index grows."""
_TIED = 4
_SAMPLED = 16
"""One distance of so many is looked at for a guess."""
_FARTHEST = 255
_BLOCK = 16_384  # words: three blocks and their counts stay in a core's own cache


def distances(codes: Codes, asked: Codes) -> NDArray[np.uint8]:
    """Count differing signs of codes [words, n] and asked [words, q], as [q, n].

    A block of rows is compared with all questions while it is in the cache: many cost less than one by one.
    """
    found = np.empty((asked.shape[1], codes.shape[1]), dtype=np.uint8)
    differing = np.empty(_BLOCK, dtype=np.uint64)
    counted = np.empty(_BLOCK, dtype=np.uint8)
    for start in range(0, codes.shape[1], _BLOCK):
        block = codes[:, start : start + _BLOCK]
        length = block.shape[1]
        xor, count = differing[:length], counted[:length]
        for question in range(asked.shape[1]):
            total = found[question, start : start + length]
            np.bitwise_count(np.bitwise_xor(block[0], asked[0, question], out=xor), out=total)
            for word in range(1, len(block)):
                np.bitwise_count(np.bitwise_xor(block[word], asked[word, question], out=xor), out=count)
                np.add(total, count, out=total)
    return found


def closest(distance: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the rows of the least distances, with those that tie with the last of them up to a limit."""
    wanted = max(PROPOSED, len(distance) // PROPOSED_OF)
    limit = _least_limit(distance, wanted)
    rows = np.flatnonzero(distance <= limit)
    if len(rows) > _TIED * wanted:
        nearer, tied = np.flatnonzero(distance < limit), np.flatnonzero(distance == limit)
        rows = np.concatenate([nearer, tied[: _TIED * wanted - len(nearer)]])
    return rows


def _least_limit(distance: NDArray[np.uint8], wanted: int) -> int:
    """The least limit within which so many rows lie, or all: guessed from a share of them, then counted."""
    wanted = min(wanted, len(distance))
    limit = _halved(np.ascontiguousarray(distance[::_SAMPLED]), wanted // _SAMPLED)
    # Counting all rows is most of the work, and the guess is seldom off by more than one.
    within = np.empty(len(distance), dtype=np.bool_)
    while np.count_nonzero(np.less_equal(distance, limit, out=within)) < wanted:
        limit += 1
    while limit and np.count_nonzero(np.less(distance, limit, out=within)) >= wanted:
        limit -= 1
    return limit


def _halved(distance: NDArray[np.uint8], wanted: int) -> int:
    """The least limit within which so many rows lie: halving eight times beats partitioning."""
    low, high = 0, _FARTHEST
    while low < high:
        middle = (low + high) // 2
        if np.count_nonzero(distance <= middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    return low
