"""The call log keeps few records and loses no count."""

import io
import json
from typing import Any

import pytest

from simulator.calls import CallLog
from simulator.pricing import Tokens
from simulator.records import Arrival, Finish


def arrival(question: str = "Why?", path: str = "/v1/chat/completions") -> Arrival:
    """Describe a call."""
    return Arrival(path=path, model="m", stream=False, key_digest="k", request_digest="r", question=question)


def finish(*, completed: bool = True, status: int = 200, cost: int = 5) -> Finish:
    """Describe an end with three tokens."""
    return Finish(
        status=status, fault=None, completed=completed, usage=Tokens(1, 2, 3), cost_picodollars=cost
    )


def lines(sink: io.BytesIO) -> list[dict[str, Any]]:
    """Read what was written."""
    return [json.loads(line) for line in sink.getvalue().splitlines()]


def test_a_call_is_written_when_it_arrives_and_again_when_it_ends() -> None:
    """A reader finds a call that never ended."""
    sink = io.BytesIO()
    log = CallLog(run="r1", kept=10, sink=sink)
    first, second = log.arrive(arrival(), 1.0), log.arrive(arrival(), 2.0)
    log.finish(second, finish(), 3.0)
    written = [(line["phase"], line["seq"], line["at"], line["finished_at"]) for line in lines(sink)]
    assert written == [
        ("arrived", first, 1.0, None),
        ("arrived", second, 2.0, None),
        ("finished", second, 3.0, 3.0),
    ]
    assert lines(sink)[2]["started_at"] == 2.0
    assert [record.phase for record in log.since(0)] == ["arrived", "finished"]
    assert [record.seq for record in log.since(first)] == [second]


def test_dropped_records_are_still_counted_and_billed() -> None:
    """The ring is bounded, the tally is not."""
    log = CallLog(run="r1", kept=2)
    for _ in range(5):
        log.finish(log.arrive(arrival(), 1.0), finish(), 2.0)
    assert [record.seq for record in log.since(0)] == [4, 5]
    assert log.tally.counts()["finished"] == 5
    assert log.tally.bill()["total_picodollars"] == 25


def test_a_call_from_before_a_reset_counts_no_more() -> None:
    """Counts after a reset are those of the calls after it, and numbers go on."""
    log = CallLog(run="r1", kept=10)
    old = log.arrive(arrival(), 1.0)
    log.reset()
    log.finish(old, finish(), 2.0)
    assert log.tally.counts()["finished"] == 0
    assert log.since(0) == []
    assert log.arrive(arrival(), 3.0) == old + 1


def test_many_names_are_counted_together() -> None:
    """A scan of unknown paths cannot grow the counters."""
    log = CallLog(run="r1", kept=1)
    for number in range(150):
        log.arrive(arrival(path=f"/{number}"), 1.0)
    by_path = log.tally.counts()["by_path"]
    assert len(by_path) == 101
    assert by_path["other"] == 50


def test_a_call_finishes_once() -> None:
    """A second end would be billed twice."""
    log = CallLog(run="r1", kept=1)
    seq = log.arrive(arrival(), 1.0)
    log.finish(seq, finish(), 2.0)
    with pytest.raises(KeyError):
        log.finish(seq, finish(), 2.0)


def test_incomplete_replies_are_billed_apart() -> None:
    """What a client could not have read is not in its own ledger."""
    log = CallLog(run="r1", kept=9)
    log.finish(log.arrive(arrival(), 1.0), finish(cost=5), 2.0)
    log.finish(log.arrive(arrival(), 1.0), finish(cost=7, completed=False, status=499), 2.0)
    bill = log.tally.bill()
    assert (bill["completed_picodollars"], bill["incomplete_picodollars"]) == (5, 7)
    assert bill["by_model"]["m"]["picodollars"] == bill["total_picodollars"] == 12


@pytest.mark.anyio
async def test_waiting_for_calls_ends_when_they_are_there() -> None:
    """A test waits for a signal instead of sleeping."""
    log = CallLog(run="r1", kept=9)
    assert not await log.reach(arrived=1, finished=0, within_s=0)
    log.arrive(arrival(), 1.0)
    assert await log.reach(arrived=1, finished=0, within_s=0)
