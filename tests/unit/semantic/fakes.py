"""An embedder that does as it is told."""

import asyncio
from collections.abc import Sequence

import numpy as np

from workers.semantic.embedder import Embedded

DIMENSIONS = 2


class ToldEmbedder:
    """Records its calls; each waits for `gate` and then answers, or raises `error`.

    A text's vector is its number and one; a call bills ten tokens a text.
    """

    name = "told/2"
    model = "told"
    vendor = "local"
    dimensions = DIMENSIONS
    threshold = 0.5

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.called = asyncio.Semaphore(0)
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None
        self.closed = False
        self.most_at_once = 0
        self._at_once = 0

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Answer once the gate is open."""
        self.calls.append(list(texts))
        self.called.release()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await self.gate.wait()
        finally:
            self._at_once -= 1
        if self.error is not None:
            raise self.error
        vectors = np.array([[float(text), 1] for text in texts], dtype=np.float32).reshape(-1, DIMENSIONS)
        return Embedded(vectors, 10 * len(texts), (False,) * len(texts))

    async def aclose(self) -> None:
        """Remember being closed."""
        self.closed = True
