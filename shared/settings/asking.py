"""What is asked, how long callers wait, and how long outcomes can be read."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from shared.settings.kinds import Count, Seconds


@dataclass(frozen=True, kw_only=True)
class AskingSettings:
    """What is asked, how long callers wait, and how long outcomes can be read."""

    model: Annotated[str, Meta(description="model used when a request names none")] = "openai/gpt-oss-20b"
    models: Annotated[str, Meta(description="comma list of further models that callers may name")] = (
        "openai/gpt-oss-120b"
    )
    max_body_bytes: Annotated[
        Count, Meta(description="largest request body, in bytes; a prompt of 128k tokens fits in 1 MiB")
    ] = 1_048_576
    wait_default_s: Annotated[
        Seconds, Meta(description="how long a caller waits when it does not say, in seconds")
    ] = 30.0
    wait_max_s: Annotated[
        Seconds,
        Meta(description="longest wait a caller may ask for; below the 60 s idle limit of most proxies"),
    ] = 60.0
    job_deadline_s: Annotated[
        Seconds, Meta(description="a job not settled this long after its submission fails, in seconds")
    ] = 120.0
    outcome_ttl_s: Annotated[
        Seconds, Meta(description="how long a settled job can be read by its id, in seconds")
    ] = 3600.0
    failure_ttl_s: Annotated[
        Seconds, Meta(description="how long a failed job can be read by its id, in seconds")
    ] = 300.0
    idempotency_ttl_s: Annotated[
        Seconds,
        Meta(description="how long an Idempotency-Key is bound and its first answer kept, in seconds"),
    ] = 86_400.0
    replay_pace: Annotated[
        float,
        Meta(
            ge=0,
            le=100_000,
            description="tokens per second at which a stored answer is streamed, for readers who expect "
            "typing; 0: all at once; a request's `cache.pace` goes first",
        ),
    ] = 0.0
    handoff_s: Annotated[
        Seconds,
        Meta(description="how long a settled flight still answers twins that missed its entry, in seconds"),
    ] = 2.0
