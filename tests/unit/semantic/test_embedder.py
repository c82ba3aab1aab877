import numpy as np
import pytest

from workers.semantic.embedder import EmbedderError, checked


def test_rows_come_back_as_float32_of_unit_length() -> None:
    """Whatever their length, vectors are compared by direction."""
    rows = checked([[3, 4], [0, -2]], 2, 2)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, np.array([[0.6, 0.8], [0.0, -1.0]]), rtol=1e-6)


@pytest.mark.parametrize(
    "vectors",
    [
        [[1.0, 0.0]],
        [[1.0], [1.0]],
        [[1.0, 0.0], [1.0]],
        [["a", "b"], ["c", "d"]],
        [[1.0, float("nan")], [1.0, 0.0]],
        [[1.0, float("inf")], [1.0, 0.0]],
        [[0.0, 0.0], [1.0, 0.0]],
    ],
    ids=["too few", "too short", "ragged", "text", "nan", "infinite", "zero"],
)
def test_unusable_vectors_are_refused(vectors: list[list[float]]) -> None:
    """A vector without a direction must never enter an index."""
    with pytest.raises(EmbedderError):
        checked(vectors, 2, 2)
