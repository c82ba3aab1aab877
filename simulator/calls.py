"""The call log: what reached the simulator, in memory and in a file, so that calls can be counted later."""

import asyncio
from collections import OrderedDict
from typing import BinaryIO

import msgspec
from msgspec.structs import asdict, replace

from simulator.records import Arrival, BilledCall, CallRecord, Finish
from simulator.tally import Tally


class CallLog:
    """Every call of one run: the latest `kept` as records, all of them in the tally.

    A reset starts the tally over; numbers go on, and a call that arrived before a reset counts no more.
    """

    def __init__(self, *, run: str, kept: int, sink: BinaryIO | None = None) -> None:
        self.run = run
        self.last_seq = 0
        self.tally = Tally()
        self._reset_seq = 0
        self._kept = kept
        self._sink = sink
        self._records: OrderedDict[int, CallRecord] = OrderedDict()
        self._in_flight: dict[int, CallRecord] = {}
        self._changed = asyncio.Event()

    def reset(self) -> None:
        """Forget all records and counts; what is in the file stays."""
        self._reset_seq = self.last_seq
        self._records.clear()
        self.tally = Tally()

    def arrive(self, arrival: Arrival, at: float) -> int:
        """Record that a call arrived at `at` (Unix seconds) and return its number, which counts from one."""
        self.last_seq += 1
        record = CallRecord(
            phase="arrived", run=self.run, seq=self.last_seq, at=at, started_at=at, **asdict(arrival)
        )
        self._in_flight[record.seq] = record
        self._records[record.seq] = record
        while len(self._records) > self._kept:
            self._records.popitem(last=False)
        self.tally.arrive(record)
        self._write(record)
        return record.seq

    def finish(self, seq: int, finish: Finish, at: float) -> None:
        """Record how a call ended at `at` (Unix seconds); KeyError when it already has."""
        arrived = self._in_flight.pop(seq)
        record = replace(arrived, phase="finished", at=at, finished_at=at, **asdict(finish))
        if seq in self._records:
            self._records[seq] = record
        if seq > self._reset_seq:
            self.tally.finish(record)
        self._write(record)

    def since(self, seq: int) -> list[CallRecord]:
        """List the kept calls numbered above `seq`, each in its latest phase."""
        return [record for record in self._records.values() if record.seq > seq]

    def billed(self) -> list[BilledCall]:
        """List the kept calls that are on the bill."""
        return [
            BilledCall(
                seq=record.seq,
                call_id=record.call_id,
                path=record.path,
                model=record.model,
                completed=record.completed,
                usage=record.usage,
                picodollars=record.cost_picodollars,
            )
            for record in self._records.values()
            if record.usage is not None
        ]

    async def reach(self, *, arrived: int, finished: int, within_s: float) -> bool:
        """Wait until so many calls have arrived and finished since the reset; false when time ran out."""
        try:
            async with asyncio.timeout(within_s):
                while self.tally.arrived < arrived or self.tally.finished < finished:
                    await self._changed.wait()
        except TimeoutError:
            return False
        return True

    def _write(self, record: CallRecord) -> None:
        if self._sink is not None:
            # One unbuffered write a record: a reader after SIGKILL finds every call that arrived.
            self._sink.write(msgspec.json.encode(record) + b"\n")
        self._changed.set()
        self._changed = asyncio.Event()
