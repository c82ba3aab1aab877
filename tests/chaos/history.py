"""What happened, as callers, faults and a witness saw it: an append-only list, also kept as JSONL."""

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from msgspec import Struct


class Sent(Struct, frozen=True, kw_only=True, tag="sent"):
    """A request left: a question, or a job to be read; `wait_s` is the deadline that it names."""

    at: float
    request: int
    ingress: int
    wait_s: float
    question: str = ""
    twins: tuple[str, ...] = ()
    job_id: str = ""


class Answered(Struct, frozen=True, kw_only=True, tag="answered"):
    """A response came; `job_id`, `state`, `text` and `code` are empty when it carried none."""

    at: float
    request: int
    status: int
    job_id: str = ""
    state: str = ""
    text: str = ""
    code: str = ""


class Broken(Struct, frozen=True, kw_only=True, tag="broken"):
    """The connection failed, so that the caller knows nothing."""

    at: float
    request: int
    error: str


class Hung(Struct, frozen=True, kw_only=True, tag="hung"):
    """Nothing came within the deadline and its grace."""

    at: float
    request: int


class Injected(Struct, frozen=True, kw_only=True, tag="injected"):
    """A fault began."""

    at: float
    fault: int
    kind: str
    target: str


class Struck(Struct, frozen=True, kw_only=True, tag="struck"):
    """A worker, or Redis under all, was hit: each of its questions may cost one more upstream call."""

    at: float
    fault: int
    target: str


class Healed(Struct, frozen=True, kw_only=True, tag="healed"):
    """The cause of a fault is gone.

    `up_at` is when its target answered again, where that is asked; `codes` is how those processes ended
    that were asked to stop.
    """

    at: float
    fault: int
    note: str = ""
    up_at: float | None = None
    codes: tuple[int, ...] = ()


class Witnessed(Struct, frozen=True, kw_only=True, tag="witnessed"):
    """The stored outcome of a job, as a digest of its bytes; empty when one that was there is gone."""

    at: float
    job_id: str
    digest: str


class Died(Struct, frozen=True, kw_only=True, tag="died"):
    """A process ended that nobody had told to, or did not serve in time, and has no code then."""

    at: float
    process: str
    code: int | None


class Stumbled(Struct, frozen=True, kw_only=True, tag="stumbled"):
    """A fault could not be injected or mended; its lane went on with the next."""

    at: float
    fault: int
    kind: str
    error: str


Event = Sent | Answered | Broken | Hung | Injected | Struck | Healed | Witnessed | Died | Stumbled
Events = Sequence[Event]


class Start(Struct, frozen=True, kw_only=True):
    """The first line: how this run can be repeated, and Unix time minus the history's own, in seconds."""

    seed: int
    seconds: float
    faults: tuple[str, ...]
    callers: int
    workers: int
    ingresses: int
    unix_offset: float


class History:
    """Records events in the order in which they became known; times are monotonic seconds."""

    def __init__(self, path: Path, start: Start) -> None:
        self.start = start
        self.events: list[Event] = []
        self.accepted: dict[str, None] = {}
        """The ids of jobs that callers were told of, in the order in which they were."""
        self._requests = 0
        self._file = path.open("wb", buffering=0)
        self._write(start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def record(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)
        if isinstance(event, Answered) and event.job_id:
            self.accepted[event.job_id] = None
        self._write(event)

    def next_request(self) -> int:
        """Number a request."""
        self._requests += 1
        return self._requests

    def _write(self, line: Event | Start) -> None:
        self._file.write(line_of(line) + b"\n")


def now() -> float:
    """The clock of the history."""
    return time.monotonic()


def line_of(event: Event | Start) -> bytes:
    """An event as its line in the file."""
    return msgspec.json.encode(event)
