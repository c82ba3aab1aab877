"""When a failing provider is left alone, and for how long."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shared.settings.kinds import Seconds


@dataclass(frozen=True, kw_only=True)
class BreakerSettings:
    """When a failing provider is left alone, and for how long."""

    breaker_failures: Annotated[
        int, Meta(ge=1, le=1000, description="failures in a row after which a provider is not asked any more")
    ] = 5
    breaker_window: Annotated[
        int, Meta(ge=1, le=1000, description="last calls of which too large a share may not have failed")
    ] = 20
    breaker_ratio: Annotated[
        float, Meta(gt=0, le=1, description="that share; it counts once the window is full")
    ] = 0.5
    breaker_cooldown_s: Annotated[
        Seconds, Meta(description="how long a provider then rests before one call probes it, in seconds")
    ] = 60.0
    breaker_cooldown_max_s: Annotated[
        Seconds, Meta(description="longest rest: each probe that fails doubles it, in seconds")
    ] = 600.0
    breaker_permit_s: Annotated[
        float,
        Meta(ge=0.1, le=300, description="a probe silent for so long is taken for dead; renewed meanwhile"),
    ] = 5.0
