"""How jobs wait, are leased, and end."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from shared.settings.kinds import Count, Seconds


@dataclass(frozen=True, kw_only=True)
class QueueingSettings:
    """How jobs wait, are leased, and end."""

    queue_depth_max: Annotated[
        Count, Meta(description="jobs of a class that may wait; above it callers get 503 and Retry-After")
    ] = 10_000
    tenant_window: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="jobs of one tenant and class that workers see at a time; its others wait behind "
            "them, and nobody else's behind those; 0: first come, first served",
        ),
    ] = 16
    waiters_max: Annotated[
        Count, Meta(description="callers one ingress lets wait at once; above it they get a job id at once")
    ] = 5_000
    slots: Annotated[
        int,
        Meta(ge=1, le=10_000, description="jobs one worker runs at once; they mostly wait for the provider"),
    ] = 64
    target_utilisation: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="share of slots that should be busy; sets sentinel_workers_desired, for autoscalers",
        ),
    ] = 0.7
    lease_s: Annotated[
        float,
        Meta(
            ge=0.5, le=300, description="how long a claimed job is its worker's without renewal, in seconds"
        ),
    ] = 3.0
    tries_max: Annotated[
        int, Meta(ge=1, le=100, description="starts after which a job that kills workers fails")
    ] = 3
    reserved_slots: Annotated[
        int, Meta(ge=0, le=10_000, description="slots of a worker that batch jobs leave to interactive ones")
    ] = 8
    rerun_unsettled: Annotated[
        Literal["retry", "fail"],
        Meta(description="a job whose worker died after sending its question: send again, or fail it"),
    ] = "retry"
    reruns_max: Annotated[
        int, Meta(ge=0, le=100, description="how often such a job is sent again, as each time may be billed")
    ] = 2
    cancel_running: Annotated[
        Literal["stop", "finish"],
        Meta(description="a running job that nobody wants any more: stop it, or let it finish for the cache"),
    ] = "stop"
    dead_letters_max: Annotated[
        Count, Meta(description="jobs given up that are kept for `sentinel dead`; the oldest go first")
    ] = 10_000
    history_jobs: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            description="settled jobs that the dashboard finds on each queue Redis, at about 0.3 kB; 0: none",
        ),
    ] = 100_000
    stuck_wait_s: Annotated[
        Seconds, Meta(description="a job that waits longer is shown as stuck, in seconds")
    ] = 30.0
    prompts_kept_s: Annotated[
        float,
        Meta(
            ge=0,
            le=2_592_000,
            description="how long the question of a settled job can be read and tried again by operators, in "
            "seconds; 0: not at all. Questions that must not be stored never are",
        ),
    ] = 900.0
    outbox_max: Annotated[
        Count,
        Meta(description="answers that may wait for a cache Redis that is away; the oldest are not stored"),
    ] = 100_000
    tokens_kept_s: Annotated[
        Seconds,
        Meta(description="how long the tokens of a stream can be read again by who lost it, in seconds"),
    ] = 600.0
    batch_window: Annotated[
        Count,
        Meta(description="lines of one batch that are under way at once; others wait outside the queue"),
    ] = 64
    batch_lines_max: Annotated[Count, Meta(description="lines that one batch may have")] = 50_000
    batch_max_bytes: Annotated[Count, Meta(description="largest batch that is taken, in bytes")] = 67_108_864
    batch_kept_s: Annotated[
        Seconds, Meta(description="how long a batch and its results can be read, in seconds (a week)")
    ] = 604_800.0
    reap_s: Annotated[
        float,
        Meta(
            ge=0.05,
            le=60,
            description="pause between looks for workers whose connections are gone; two count",
        ),
    ] = 0.25
    drain_s: Annotated[
        float, Meta(ge=0, le=3600, description="time that work in flight gets after SIGTERM, in seconds")
    ] = 10.0
