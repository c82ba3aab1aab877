"""Counts and sums over calls: bounded in size, and never losing a call."""

from collections import Counter
from typing import Any

from simulator.records import CallRecord

_MOST_NAMES = 100
_NONE = "none"
_OTHER = "other"


class Tally:
    """What the calls of a period add up to; each kind counts its first 100 names, and the rest as `other`."""

    def __init__(self) -> None:
        self.arrived = 0
        self.finished = 0
        self._completed = 0
        self._counts: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("by_path", "by_model", "by_status", "by_fault")
        }
        self._lines: dict[str, Counter[str]] = {}

    def arrive(self, record: CallRecord) -> None:
        """Count a call that arrived."""
        self.arrived += 1
        self._count("by_path", record.path)
        self._count("by_model", record.model or _NONE)

    def finish(self, record: CallRecord) -> None:
        """Count a call that ended, and bill what it used."""
        self.finished += 1
        self._completed += record.completed
        self._count("by_status", str(record.status or _NONE))
        self._count("by_fault", record.fault or _NONE)
        if record.usage is None:
            return
        # Only models with a price are ever answered, so there are few lines.
        line = self._lines.setdefault(record.model or _NONE, Counter())
        line["calls"] += 1
        line["prompt_tokens"] += record.usage.prompt_tokens
        line["cached_tokens"] += record.usage.cached_tokens
        line["completion_tokens"] += record.usage.completion_tokens
        line["picodollars"] += record.cost_picodollars
        line["incomplete_picodollars"] += 0 if record.completed else record.cost_picodollars

    def counts(self) -> dict[str, Any]:
        """List the counts, by name where there are names."""
        return {
            "arrived": self.arrived,
            "finished": self.finished,
            "completed": self._completed,
            "in_flight": self.arrived - self.finished,
            **{kind: dict(counter) for kind, counter in self._counts.items()},
        }

    def bill(self) -> dict[str, Any]:
        """Sum the costs, in pico-dollars, apart for calls whose reply the client did not get to its end."""
        total = sum(line["picodollars"] for line in self._lines.values())
        incomplete = sum(line["incomplete_picodollars"] for line in self._lines.values())
        return {
            "total_picodollars": total,
            "completed_picodollars": total - incomplete,
            "incomplete_picodollars": incomplete,
            "by_model": {model: dict(line) for model, line in self._lines.items()},
        }

    def _count(self, kind: str, name: str) -> None:
        counter = self._counts[kind]
        counter[name if name in counter or len(counter) < _MOST_NAMES else _OTHER] += 1
