"""docs/benchmarks.md and its plots, written from docs/benchmarks.json.

`python -m tests.bench.page` writes them again without measuring.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from tests.bench.rows import Row, Section, folder_of, load, spread
from tests.support.stack import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"
IMAGES: Final = ROOT / "docs" / "images"
PLOTTED: Final = {
    "ingress": ("requests/s", "32 connections"),
    "queue": ("round trip p50 ms", ""),
    "search": ("p50 ms", ""),
    "replay": ("requests/s", ""),
}
"""One figure and load of a section, as bars; all are on a logarithmic scale."""
INTRODUCTION: Final = """# Benchmarks

`make bench` measures everything here and writes this page from [benchmarks.json](benchmarks.json); one
section alone: `make bench SECTIONS=ingress`. Everything runs on one small machine, so the ratios to a
floor or to a peer in the same round say more than the figures. Medians over interleaved rounds, with
the least and the most.
"""
ORDER: Final = ("ingress", "servers", "queue", "search", "streaming", "replay")
WIDTH, LEFT, BAR, GAP = 720, 190, 18, 8


def write(sections: dict[str, Section]) -> None:
    """Write the page and the plots."""
    parts = [INTRODUCTION]
    for name in ORDER:
        if name in sections:
            parts.append("\n".join(_section(name, sections[name])))
            if name in PLOTTED:
                folder_of(IMAGES / f"bench-{name}.svg").write_text(plot(name, sections[name]), "utf-8")
    PAGE.write_text("\n".join(parts), "utf-8")


def _section(name: str, section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    if section.note:
        yield f"{section.note}\n"
    yield from _table([(row, row.figures) for row in section.rows])
    beside = [(row, row.of) for row in section.rows if row.of]
    if beside:
        yield "\nBeside others in the same round:\n"
        yield from _table(beside)
    yield f"\n`{section.command}`, {section.measured_on}, {section.machine}.\n"
    if name in PLOTTED:
        yield f"![{section.title}](images/bench-{name}.svg)\n"


def _table(rows: Sequence[tuple[Row, Mapping[str, list[float]]]]) -> Iterator[str]:
    columns = list(dict.fromkeys(key for _, told in rows for key in told))
    loaded = any(row.load for row, _ in rows)
    yield "| " + " | ".join(["", *([""] if loaded else []), *columns]) + " |"
    yield "|" + "---|" * (1 + loaded + len(columns))
    for row, told in rows:
        cells = [spread(told[key]) if key in told else "" for key in columns]
        yield "| " + " | ".join([row.what, *([row.load] if loaded else []), *cells]) + " |"


def plot(name: str, section: Section) -> str:
    """Bars on a logarithmic scale, as SVG that is readable on light and on dark pages."""
    figure, load_name = PLOTTED[name]
    shown = [
        row for row in section.rows if figure in row.figures and (not load_name or row.load == load_name)
    ]
    values = [statistics.median(row.figures[figure]) for row in shown]
    height = 34 + len(shown) * (BAR + GAP)
    title = f"{figure}{', ' if load_name else ''}{load_name} (logarithmic)"
    bars = "".join(
        _bar(number, row, value, values)
        for number, (row, value) in enumerate(zip(shown, values, strict=True))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13" fill="#777">'
        f'<text x="{LEFT}" y="18">{escape(title)}</text>{bars}</svg>\n'
    )


def _bar(number: int, row: Row, value: float, values: list[float]) -> str:
    least, most = min(values) / 2, max(values)
    share = math.log(value / least) / math.log(most / least) if most > least else 1.0
    y, width = 28 + number * (BAR + GAP), max(2.0, share * (WIDTH - LEFT - 90))
    colour = "#888" if any(word in row.what for word in ("bare", "floor", "alone")) else "#3b82f6"
    if any(
        word in row.what for word in ("LiteLLM", "arq", "saq", "taskiq", "hnsw", "faiss", "usearch", "plain")
    ):
        colour = "#d97706"
    return (
        f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(row.what)}</text>'
        f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2" fill="{colour}"/>'
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}">{escape(spread([value]))}</text>'
    )


if __name__ == "__main__":
    write(load())
