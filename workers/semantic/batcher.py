"""Gathers concurrent embedding calls into one, without making a lone call wait."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from shared import metrics, prices, traceparent
from shared.wire.outcome import Usage
from workers.semantic.embedder import Embedded, Embedder, EmbedderError
from workers.semantic.shares import shares


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    texts: tuple[str, ...]
    result: asyncio.Future[Embedded]
    traceparent: str


class Batcher:
    """An embedder that gathers the calls to another one.

    With nothing in flight a call leaves at once, together with those of the same turn of the event loop.
    Otherwise calls gather until `max_batch` texts wait, `window_s` seconds have passed, or a flight ends,
    and at most `concurrency` flights are in the air. A failed flight fails exactly the calls in it.
    """

    def __init__(
        self, embedder: Embedder, *, window_s: float = 0.002, max_batch: int = 32, concurrency: int = 4
    ) -> None:
        self.name = embedder.name
        self.model = embedder.model
        self.vendor = embedder.vendor
        self.dimensions = embedder.dimensions
        self.threshold = embedder.threshold
        self.unclaimed_tokens = 0
        """Tokens billed for flights whose callers had all gone."""
        self._embedder = embedder
        self._window_s = window_s
        self._max_batch = max_batch
        self._concurrency = concurrency
        self._queue: deque[_Waiting] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._closed = False
        self._durations = metrics.embedding_duration.labels(self.model)
        self._batches = metrics.embedding_batch.labels(self.model)
        self._tokens = metrics.embedding_tokens.labels(self.vendor, self.model)
        self._costs = metrics.embedding_cost.labels(self.vendor, self.model)

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed the texts in one flight with others; raises EmbedderError, or what the embedder raised.

        More than `max_batch` texts travel alone. The flight's tokens are split among its callers by length.
        """
        if self._closed:
            raise EmbedderError("the embedder is closed")
        waiting = _Waiting(
            tuple(texts), asyncio.get_running_loop().create_future(), traceparent.current.get()
        )
        self._queue.append(waiting)
        self._schedule()
        try:
            return await waiting.result
        except asyncio.CancelledError:
            # Billed to this caller, which is told to leave in the moment of its landing.
            if waiting.result.done() and not waiting.result.cancelled() and not waiting.result.exception():
                self.unclaimed_tokens += waiting.result.result().tokens
            raise

    async def aclose(self) -> None:
        """Fail whatever still waits or flies, then close the embedder."""
        self._closed = True
        while self._queue:
            _fail(self._queue.popleft(), EmbedderError("the embedder is closed"))
        for flight in self._flights:
            flight.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)
        await self._embedder.aclose()

    def _schedule(self) -> None:
        loop = asyncio.get_running_loop()
        if sum(len(waiting.texts) for waiting in self._queue) >= self._max_batch:
            self._depart()
        elif self._timer is None:
            idle = not self._flights
            self._timer = (
                loop.call_soon(self._depart) if idle else loop.call_later(self._window_s, self._depart)
            )

    def _depart(self) -> None:
        """Start flights while there are calls to carry and room in the air."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while len(self._flights) < self._concurrency and (batch := self._next_batch()):
            flight = asyncio.create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self._depart()

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        room = self._max_batch
        while self._queue and (not batch or len(self._queue[0].texts) <= room):
            waiting = self._queue.popleft()
            if not waiting.result.done():  # a caller that gave up costs nothing
                batch.append(waiting)
                room -= len(waiting.texts)
        return batch

    async def _fly(self, batch: list[_Waiting]) -> None:
        # A flight is a part of several traces, and can name only one: its first caller's.
        traceparent.current.set(batch[0].traceparent)
        try:
            texts = [text for waiting in batch for text in waiting.texts]
            started = perf_counter()
            embedded = await self._embedder.embed(texts)
            self._count(len(texts), embedded.tokens, perf_counter() - started)
            self._deliver(batch, embedded)
        except asyncio.CancelledError:
            for waiting in batch:
                _fail(waiting, EmbedderError("the embedder is closed"))
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the callers wait for it, not the loop
            for waiting in batch:
                _fail(waiting, error)

    def _count(self, texts: int, tokens: int, elapsed_s: float) -> None:
        self._durations.observe(elapsed_s)
        self._batches.observe(texts)
        self._tokens.inc(tokens)
        cost = prices.cost_of(self.vendor, self.model, Usage(input_tokens=tokens))
        if cost:
            self._costs.inc(cost / prices.PICODOLLARS)

    def _deliver(self, batch: list[_Waiting], embedded: Embedded) -> None:
        starts, start = [], 0
        for waiting in batch:
            starts.append(start)
            start += len(waiting.texts)
        # Only those still there can be billed; together they are billed for the whole flight.
        present = [i for i, waiting in enumerate(batch) if not waiting.result.done()]
        if not present:
            self.unclaimed_tokens += embedded.tokens
        bills = shares(embedded.tokens, [sum(map(len, batch[i].texts)) for i in present])
        for i, tokens in zip(present, bills, strict=True):
            rows = slice(starts[i], starts[i] + len(batch[i].texts))
            batch[i].result.set_result(Embedded(embedded.vectors[rows], tokens, embedded.truncated[rows]))


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.result.done():
        waiting.result.set_exception(error)
