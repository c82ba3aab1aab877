"""How much the ingress takes of connections and of what is sent on them, and what it shows to whom."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.settings.kinds import Count


@dataclass(frozen=True, kw_only=True)
class ServingSettings:
    """How much the ingress takes of connections and of what is sent on them."""

    admin_port: Annotated[
        int,
        Meta(
            ge=0,
            le=65535,
            description="port, on the same host, that alone serves /admin, /dashboard, /metrics and /docs; "
            "0: they are served with everything else",
        ),
    ] = 0
    metrics_access: Annotated[
        Literal["open", "key", "closed"],
        Meta(description="who may read an ingress' /metrics: everybody, keys with the scope metrics, nobody"),
    ] = "open"
    docs_access: Annotated[
        Literal["open", "closed"], Meta(description="whether /docs and /openapi.json are served")
    ] = "open"
    connections_max: Annotated[
        Count, Meta(description="open connections of one ingress; above it new ones get 503 and are closed")
    ] = 10_000
    header_max_bytes: Annotated[
        int, Meta(ge=1024, le=1_048_576, description="largest request line and headers, in bytes")
    ] = 32_768
    read_s: Annotated[
        float,
        Meta(
            gt=0,
            le=3600,
            description="longest that headers may take to arrive, and a body beyond its size, in seconds",
        ),
    ] = 10.0
    read_bytes_per_s: Annotated[
        Count, Meta(description="slowest that a body may come: so many bytes earn it a second more")
    ] = 65_536
