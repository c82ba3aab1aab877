"""Spans by OpenTelemetry, sent by OTLP over HTTP; imported only when tracing is on.

Where to is said by OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_ENDPOINT and its like).
"""

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import SpanKind, StatusCode

from shared.tracing import Attributes, Kind

KINDS: Final[dict[Kind, SpanKind]] = {
    "server": SpanKind.SERVER,
    "consumer": SpanKind.CONSUMER,
    "client": SpanKind.CLIENT,
    "internal": SpanKind.INTERNAL,
}
CLOSE_S: Final = 2.0
"""Longest that a process which stops waits for its collector."""


class OtelSpan:
    """One span of OpenTelemetry's."""

    recorded = True

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        context = span.get_span_context()
        ids = f"{trace.format_trace_id(context.trace_id)}-{trace.format_span_id(context.span_id)}"
        self.traceparent = f"00-{ids}-{context.trace_flags:02x}"

    def rename(self, name: str) -> None:
        """Call it what it has turned out to be."""
        self._span.update_name(name)

    def note(self, attributes: Attributes) -> None:
        """Say more of it."""
        self._span.set_attributes(dict(attributes))

    def fail(self, code: str) -> None:
        """Say that it went wrong, by an error's code."""
        self._span.set_attribute("error.type", code)
        self._span.set_status(StatusCode.ERROR)


class OtelTracer:
    """Spans of one process; `ratio` is the share of traces that begin here that it wants."""

    def __init__(
        self,
        process: str,
        exporter: SpanExporter,
        *,
        ratio: float,
        content: bool = False,
        at_once: bool = False,
    ) -> None:
        """`at_once` hands every span to the exporter as it ends, for tests."""
        self.ratio = ratio
        self.content = content
        resource = Resource.create(
            {
                "service.name": os.environ.get("OTEL_SERVICE_NAME", f"sentinel-{process}"),
                "service.version": version("sentinel-gateway"),
            }
        )
        # What is not to be kept does not come here.
        self._provider = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
        self._provider.add_span_processor(
            SimpleSpanProcessor(exporter) if at_once else BatchSpanProcessor(exporter)
        )
        self._tracer = self._provider.get_tracer("sentinel")

    @contextlib.contextmanager
    def span(
        self, name: str, kind: Kind, parent: str, attributes: Attributes, age_s: float = 0.0
    ) -> Iterator[OtelSpan]:
        """Begin a span under a parent, '' for none, and end it with the block; it is `age_s` old already."""
        span = self._tracer.start_span(
            name,
            context=_context(parent),
            kind=KINDS[kind],
            attributes=dict(attributes),
            start_time=time.time_ns() - int(age_s * 1e9),
        )
        begun = OtelSpan(span)
        try:
            yield begun
        except (asyncio.CancelledError, GeneratorExit):
            span.set_attribute("sentinel.cancelled", value=True)
            raise
        except BaseException as error:
            # Its message may quote what was asked.
            begun.fail(getattr(error, "code", type(error).__name__))
            raise
        finally:
            span.end()

    def close(self) -> None:
        """Hand over what has been collected; a collector that does not answer is not waited for long."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_S)


def otlp_exporter() -> SpanExporter:
    """An exporter as OpenTelemetry's variables describe it; raises ImportError without the extra."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - slow to import
        OTLPSpanExporter,
    )

    return OTLPSpanExporter()


def _context(parent: str) -> Context:
    """A place in a trace as OpenTelemetry knows it; the root of a new one for ''."""
    if not parent:
        return Context()
    _, trace_id, span_id, flags = parent.split("-")
    remote = trace.SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=trace.TraceFlags(int(flags, 16))
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(remote), Context())
