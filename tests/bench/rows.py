"""What a benchmark found, as it is kept in docs/benchmarks.json and shown in docs/benchmarks.md."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from tests.support.stack import ROOT

RESULTS: Final = ROOT / "docs" / "benchmarks.json"


class Row(Struct, frozen=True, kw_only=True):
    """One contender under one load: figures by name, one a round; `of` compares with others, likewise."""

    what: str
    load: str = ""
    figures: dict[str, list[float]]
    of: dict[str, list[float]] = {}


class Section(Struct, frozen=True, kw_only=True):
    """One table, and how it came about."""

    title: str
    command: str
    measured_on: str
    machine: str
    note: str = ""
    rows: list[Row]


def load() -> dict[str, Section]:
    """Every section that has been measured, by name."""
    if not RESULTS.exists():
        return {}
    return msgspec.json.decode(RESULTS.read_bytes(), type=dict[str, Section])


def save(sections: dict[str, Section]) -> None:
    """Keep them, in an order that diffs well."""
    data = msgspec.json.format(msgspec.json.encode(dict(sorted(sections.items()))), indent=1)
    RESULTS.write_bytes(data + b"\n")


def spread(values: Sequence[float]) -> str:
    """The median, and the least and the most where there are several."""
    middle = shown(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({shown(min(values))}–{shown(max(values))})"  # noqa: RUF001


def shown(value: float) -> str:
    """A number with three significant digits, or more where it is large."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def folder_of(path: Path) -> Path:
    """Make the folder of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
