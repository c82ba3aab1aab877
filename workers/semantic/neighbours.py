"""What every index promises: the stored entries whose questions are nearest to a vector."""

from dataclasses import dataclass
from typing import Protocol

from workers.semantic.embedder import Vectors


class SearchError(Exception):
    """A search ended without a result; the request goes on without the semantic step."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A stored entry and the cosine of its question to the one asked, -1 to 1."""

    entry_id: str
    similarity: float


class VectorIndex(Protocol):
    """Finds neighbours within one partition at a time; how vectors get there is the index's own affair."""

    async def nearest(self, partition: str, vector: Vectors, k: int, now_ms: int) -> list[Neighbour]:
        """Return up to k entries not expired at `now_ms` (Unix time), most similar first.

        Raises SearchError or RedisError when it cannot, ValueError when the vector's shape differs.
        """
        ...
