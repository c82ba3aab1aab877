"""Spans collected in memory, for as long as a block runs."""

import contextlib
from collections.abc import Iterator

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import tracing
from shared.otel import OtelTracer


class Spans:
    """What has been collected."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def all(self) -> tuple[ReadableSpan, ...]:
        """Every span that has ended, in that order."""
        return self._exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """The one span of a name."""
        [found] = [span for span in self.all if span.name == name]
        return found


@contextlib.contextmanager
def collected(*, ratio: float = 1.0, content: bool = False) -> Iterator[Spans]:
    """Collect this process's spans."""
    exporter = InMemorySpanExporter()
    tracing.use(OtelTracer("test", exporter, ratio=ratio, content=content, at_once=True))
    try:
        yield Spans(exporter)
    finally:
        tracing.close()
