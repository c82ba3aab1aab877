"""An embedder behind its breaker: one that keeps failing is left alone, by the whole fleet."""

from collections.abc import Sequence

from shared.breaker import Verdict
from shared.breakers import Breakers
from shared.errors import CircuitOpen
from workers.semantic.embedder import Embedded, Embedder, EmbedderError


class WithBreaker:
    """An embedder that asks for a permit before each call to another one."""

    def __init__(self, embedder: Embedder, breakers: Breakers) -> None:
        self.name = embedder.name
        self.model = embedder.model
        self.vendor = embedder.vendor
        self.dimensions = embedder.dimensions
        self.threshold = embedder.threshold
        self.breaker = f"embedder:{embedder.name}"
        self._embedder = embedder
        self._breakers = breakers

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in order; raises EmbedderError, at once while the breaker is open."""
        try:
            permit = await self._breakers.ask(self.breaker)
        except CircuitOpen:
            raise EmbedderError("breaker open", verdict="ignored") from None
        # Cancelled, or broken here: that says nothing about the service.
        verdict: Verdict = "ignored"
        try:
            async with self._breakers.held(permit):
                embedded = await self._embedder.embed(texts)
            verdict = "success"
        except EmbedderError as error:
            verdict = error.verdict
            raise
        finally:
            await self._breakers.report(permit, verdict)
        return embedded

    async def aclose(self) -> None:
        """Close the embedder."""
        await self._embedder.aclose()
