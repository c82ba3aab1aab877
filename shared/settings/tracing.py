"""What is traced, and how much of it."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True, kw_only=True)
class TracingSettings:
    """What is traced, and how much of it."""

    tracing: Annotated[
        Literal["off", "otlp"],
        Meta(
            description="whether spans are sent by OTLP; needs `sentinel-gateway[otel]` and "
            "OTEL_EXPORTER_OTLP_ENDPOINT, as OpenTelemetry reads it"
        ),
    ] = "off"
    trace_ratio: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of the traces that begin here that is kept; callers decide on theirs",
        ),
    ] = 1.0
    trace_content: Annotated[
        bool, Meta(description="whether spans of calls hold questions and answers; off unless you decide")
    ] = False
