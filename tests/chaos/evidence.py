"""Everything a run leaves to be judged, on the one clock of its history."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from shared.job_records import TERMINAL
from tests.chaos.history import Answered, Events, Healed, Injected, Sent, Start, Struck
from tests.chaos.surroundings import provider_key

OK = 200


class Call(Struct, frozen=True, kw_only=True):
    """One call as the provider saw it: from whom, and from when to when.

    `spoiled` when the provider itself did not answer it well; `ended_at` is infinite for one without an end.
    """

    question: str
    caller: str
    arrived_at: float
    ended_at: float
    spoiled: bool


class JobEnd(Struct, frozen=True, kw_only=True):
    """A job's record when the run was over; `digest` is of its outcome's bytes, empty when there is none."""

    state: str
    created_at: float
    completed_at: float | None
    digest: str


class Final(Struct, frozen=True, kw_only=True):
    """What was there once the load had stopped and the product had had its time to settle.

    `money` says in words where the ledger and the provider's bill differ.
    `stall_s` is the longest that the driver itself stood still: what it says of times is no better.
    """

    stall_s: float
    settled_within_s: float
    jobs: Mapping[str, JobEnd]
    queued: int
    leases: int
    outbox: int
    in_flight: Mapping[str, int]
    busy: Mapping[str, int]
    money: Sequence[str] = ()


class Evidence(Struct, frozen=True, kw_only=True):
    """A whole run."""

    start: Start
    events: Events
    calls: Sequence[Call]
    final: Final

    def asked(self) -> dict[int, Sent]:
        """Requests by number."""
        return {event.request: event for event in self.events if isinstance(event, Sent)}

    def answers(self) -> Iterator[Answered]:
        """Responses in the order in which they came."""
        return (event for event in self.events if isinstance(event, Answered))

    def accepted(self) -> dict[str, Answered]:
        """Jobs that a caller was told of, each with the response that first did."""
        told: dict[str, Answered] = {}
        for answer in self.answers():
            if answer.job_id:
                told.setdefault(answer.job_id, answer)
        return told

    def asked_again(self) -> dict[str, list[str]]:
        """Questions with the ids of all their jobs, also of those that no caller was told of."""
        flights = {flight_of(job_id): sent.question for job_id, sent in self.questions().items()}
        found: dict[str, list[str]] = {}
        for job_id in self.final.jobs:
            if flight_of(job_id) in flights:
                found.setdefault(flights[flight_of(job_id)], []).append(job_id)
        return found

    def questions(self) -> dict[str, Sent]:
        """Jobs of which a caller was told, each with the request that asked its question."""
        asked = self.asked()
        found: dict[str, Sent] = {}
        for answer in self.answers():
            if answer.job_id and asked[answer.request].question:
                found.setdefault(answer.job_id, asked[answer.request])
        return found


class Span(Struct, frozen=True):
    """One fault from its beginning to its mending, and each time that it struck a worker or Redis."""

    fault: int
    kind: str
    target: str
    begin: float
    end: float
    struck: tuple[Struck, ...]


def spans(events: Events) -> list[Span]:
    """Pair beginnings and ends; what was never mended lasts for ever."""
    ends = {event.fault: event.at for event in events if isinstance(event, Healed)}
    struck: dict[int, list[Struck]] = {}
    for event in events:
        if isinstance(event, Struck):
            struck.setdefault(event.fault, []).append(event)
    return [
        Span(e.fault, e.kind, e.target, e.at, ends.get(e.fault, float("inf")), tuple(struck.get(e.fault, ())))
        for e in events
        if isinstance(e, Injected)
    ]


def read_calls(log: Path, start: Start) -> list[Call]:
    """Read the provider's log: chat calls in the order of their arrival."""
    names = [f"worker-{number}" for number in range(start.workers)]
    digests = {hashlib.sha256(provider_key(name).encode()).hexdigest(): name for name in names}
    phases: dict[int, dict[str, Any]] = {}
    for line in log.read_bytes().splitlines():
        record = msgspec.json.decode(line)
        phases[record["seq"]] = record
    return [
        _call(record, digests, start.unix_offset)
        for _, record in sorted(phases.items())
        if record["path"].endswith("/chat/completions")
    ]


def read_bill(log: Path) -> list[dict[str, Any]]:
    """Read the provider's log: every call that it bills, with what it bills."""
    ended = {record["seq"]: record for record in map(msgspec.json.decode, log.read_bytes().splitlines())}
    return [
        record | {"picodollars": record["cost_picodollars"]}
        for record in ended.values()
        if record["usage"] is not None
    ]


def _call(record: Mapping[str, Any], digests: Mapping[str, str], unix_offset: float) -> Call:
    ended = record["finished_at"]
    return Call(
        question=record["question"],
        caller=next(name for digest, name in digests.items() if digest.startswith(record["key_digest"])),
        arrived_at=record["started_at"] - unix_offset,
        ended_at=float("inf") if ended is None else ended - unix_offset,
        # A caller that left before the end (499) is our doing; whatever else is no answer is not.
        spoiled=record["fault"] is not None or (record["status"] or OK) not in {OK, 499},
    )


def flight_of(job_id: str) -> str:
    """What the jobs of one question have in common."""
    return job_id.partition(".")[0]


def is_terminal(state: str) -> bool:
    """Whether a job in this state has settled."""
    return state in TERMINAL
