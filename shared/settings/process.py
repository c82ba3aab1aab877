"""How a process runs: where it listens, what it logs, what it keeps."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.settings.kinds import Count, Port


@dataclass(frozen=True, kw_only=True)
class ProcessSettings:
    """How a process runs: where it listens, what it logs, what it keeps."""

    env: Annotated[
        Literal["development", "production"],
        Meta(description="production refuses the simulator and generated secrets"),
    ] = "development"
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="lowest level that is logged")
    ] = "info"
    slow_job_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="a job that takes longer, from submission to settled, is logged with where its time "
            "went, in seconds; 0: none is",
        ),
    ] = 10.0
    host: Annotated[str, Meta(description="address the ingress listens on; loopback unless you decide")] = (
        "127.0.0.1"
    )
    port: Annotated[Port, Meta(description="port the ingress listens on")] = 8000
    workers: Annotated[
        int,
        Meta(ge=1, le=64, description="worker processes started by `sentinel up`; elsewhere scale by hand"),
    ] = 2
    shortcut_memory_mb: Annotated[
        Count,
        Meta(
            description="memory for questions that were hits lately, which are then answered without being "
            "parsed; the one served longest ago is forgotten first"
        ),
    ] = 32
    worker_metrics_port: Annotated[
        Annotated[int, Meta(ge=0, le=65535)],
        Meta(description="port of a worker's own /metrics; 0: none (under `up` the ingress shows all)"),
    ] = 0
    data_dir: Annotated[str, Meta(description="where `sentinel up` keeps Redis data, keys and models")] = (
        ".sentinel"
    )
    model_dir: Annotated[
        str | None, Meta(description="where the local sentence model is built; default: data_dir/models")
    ] = None
