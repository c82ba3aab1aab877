"""What a scan proposes: the rows of the least distances, however they are spread."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.semantic.scan import PROPOSED, PROPOSED_OF, closest
from workers.semantic.signs import MANY, bits_for

ROWS = 5_000
RNG = np.random.default_rng(1)
BELL = np.clip(RNG.normal(96, 9, ROWS), 0, 192).astype(np.uint8)


@pytest.mark.parametrize(
    "distance",
    [
        BELL,
        np.sort(BELL),
        np.sort(BELL)[::-1],
        BELL[:PROPOSED],
        BELL[:17],
        # The share that a guess is made from holds none of the near rows, or all of them.
        np.where(np.arange(ROWS) % 16 == 1, BELL // 2, BELL + 30).astype(np.uint8),
        np.where(np.arange(ROWS) % 16 == 0, BELL // 2, BELL + 30).astype(np.uint8),
    ],
    ids=["bell", "rising", "falling", "as many as wanted", "few", "guess too far", "guess too near"],
)
def test_the_nearest_rows_are_proposed_and_none_that_is_farther(distance: NDArray[np.uint8]) -> None:
    """All rows up to the distance of the last one wanted."""
    wanted = min(PROPOSED, len(distance))
    last = np.sort(distance)[wanted - 1]
    assert closest(distance).tolist() == np.flatnonzero(distance <= last).tolist()


def test_rows_that_all_tie_are_proposed_up_to_a_limit() -> None:
    """A partition of near twins does not turn a search into a comparison with everything."""
    assert len(closest(np.full(ROWS, 7, dtype=np.uint8))) == 4 * PROPOSED


def test_a_larger_partition_proposes_more_rows_by_fewer_signs() -> None:
    """What is read of each row is paid a million times, an exact look a thousand times."""
    many = 2 * PROPOSED * PROPOSED_OF
    distance = np.clip(RNG.normal(64, 7, many), 0, 128).astype(np.uint8)
    assert len(closest(distance)) >= many // PROPOSED_OF
    assert (bits_for(384, MANY - 1), bits_for(384, MANY), bits_for(64, MANY)) == (192, 128, 64)
