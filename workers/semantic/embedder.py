"""What every embedder promises: unit vectors, the tokens billed, and what it had to cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.breaker import Verdict

Vectors: TypeAlias = NDArray[np.float32]


class EmbedderError(Exception):
    """No usable vectors; the request goes on without the semantic step.

    `reason` is short, fit for logs and metrics, and holds neither text nor credentials; `verdict` is what
    it says about the embedder's health.
    """

    def __init__(self, reason: str, *, verdict: Verdict = "failure") -> None:
        super().__init__(reason)
        self.reason = reason
        self.verdict: Verdict = verdict


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """One embedding call's result.

    `vectors` is float32 [n, dimensions] with unit rows in the order of the texts; `tokens` is what the
    call is billed for; `truncated[i]` says that text i was longer than the model reads, so equal
    vectors do not mean equal texts.
    """

    vectors: Vectors
    tokens: int
    truncated: tuple[bool, ...]


class Embedder(Protocol):
    """Turns texts into unit vectors.

    `name` identifies model, quantisation or task, and dimensions: vectors of different names are never
    compared. `threshold` is the cosine at and above which two texts are proposed as the same question.
    `vendor` and `model` find the price of a token in the table of prices.
    """

    @property
    def name(self) -> str:
        """The vector space's identity."""
        ...

    @property
    def vendor(self) -> str:
        """Who bills for the tokens."""
        ...

    @property
    def model(self) -> str:
        """The model, as its vendor calls and prices it."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of every vector."""
        ...

    @property
    def threshold(self) -> float:
        """The calibrated default cosine threshold, 0 to 1."""
        ...

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order; raises EmbedderError."""
        ...

    async def aclose(self) -> None:
        """Free threads and connections; later calls raise EmbedderError."""
        ...


def checked(vectors: ArrayLike, n: int, dimensions: int) -> Vectors:
    """Return the vectors as float32 unit rows [n, dimensions].

    Raises EmbedderError when the shape differs or a row is not finite or has no direction.
    """
    try:
        rows = np.asarray(vectors, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EmbedderError("vectors are not numbers of one shape") from error
    if rows.shape != (n, dimensions):
        raise EmbedderError(f"vectors of shape {rows.shape}, expected {(n, dimensions)}")
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    # An overflowing norm is infinite although each number is finite, so the norms are what is tested.
    if not np.isfinite(norms).all():
        raise EmbedderError("a vector is not finite")
    if (norms < np.finfo(np.float32).tiny).any():
        raise EmbedderError("a vector has no direction")
    return np.ascontiguousarray(rows / norms, dtype=np.float32)
