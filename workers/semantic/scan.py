"""The first stage of a search in a large partition: the rows whose signs differ least."""

import numpy as np
from numpy.typing import NDArray

from workers.semantic.signs import Codes

PROPOSED = 400
PROPOSED_OF = 1_000
"""One row of so many is proposed where that is more than 400: neighbours crowd as an index grows."""
_TIED = 4
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


def closest(distance: NDArray[np.uint8], bits: int) -> NDArray[np.intp]:
    """Return the rows of the least distances, with those that tie with the last of them up to a limit."""
    wanted = max(PROPOSED, len(distance) // PROPOSED_OF)
    low, high = 0, bits
    while low < high:
        middle = (low + high) // 2
        # Halving eight times beats partitioning: a comparison of bytes is as fast as memory.
        if np.count_nonzero(distance <= middle) >= wanted:
            high = middle
        else:
            low = middle + 1
    rows = np.flatnonzero(distance <= low)
    if len(rows) > _TIED * wanted:
        nearer, tied = np.flatnonzero(distance < low), np.flatnonzero(distance == low)
        rows = np.concatenate([nearer, tied[: _TIED * wanted - len(nearer)]])
    return rows
