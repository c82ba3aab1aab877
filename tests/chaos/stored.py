"""A run's folder read back, so that it can be judged again by a later checker."""

from pathlib import Path

import msgspec

from tests.chaos.evidence import Evidence, Final, read_calls
from tests.chaos.history import Event, Start

HISTORY, CALLS, FINAL = "history.jsonl", "calls.jsonl", "final.json"


def read(folder: Path) -> Evidence:
    """Read everything that a run has left; raises msgspec.DecodeError or OSError."""
    first, *lines = (folder / HISTORY).read_bytes().splitlines()
    start = msgspec.json.decode(first, type=Start)
    event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
    return Evidence(
        start=start,
        events=[event.decode(line) for line in lines],
        calls=read_calls(folder / CALLS, start),
        final=msgspec.json.decode((folder / FINAL).read_bytes(), type=Final),
    )
