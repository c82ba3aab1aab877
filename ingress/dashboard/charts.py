"""From counts to shapes: everything that is drawn is computed here; pure."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from shared.rates import percentiles

WIDTH: Final = 600.0
HEIGHT: Final = 100.0
GAP: Final = 1.5
KINDS: Final = (
    ("exact", "exact hit", "hit:exact"),
    ("semantic", "semantic hit", "hit:semantic"),
    ("collapsed", "collapsed", "hit:collapsed"),
    ("stale", "stale", "hit:stale"),
    ("miss", "bought", "hit:miss"),
    ("failed", "failed", "failed"),
)
SHARES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
HOUR_S: Final = 3600


class Bar(Struct, frozen=True):
    """One rectangle of a chart, in its own units."""

    kind: str
    x: float
    y: float
    width: float
    height: float


class Mix(Struct, frozen=True, kw_only=True):
    """Answers of each minute by where they came from, stacked; the chart is `top` answers high."""

    bars: tuple[Bar, ...]
    top: int
    legend: tuple[tuple[str, str, int], ...]
    summary: str


class Lines(Struct, frozen=True, kw_only=True):
    """Durations of each minute; `top`, in ms, is what the chart's height stands for."""

    lines: tuple[tuple[str, str], ...]
    top: float
    summary: str


class Span(Struct, frozen=True):
    """For how long a breaker was in a phase, in seconds from an hour ago."""

    phase: str
    x: float
    width: float


def mix(minutes: Sequence[Mapping[str, int]]) -> Mix:
    """Stack the answers of each minute."""
    totals = [sum(minute.get(name, 0) for _, _, name in KINDS) for minute in minutes]
    top = rounded_up(max(totals, default=0))
    step = WIDTH / max(1, len(minutes))
    bars: list[Bar] = []
    for number, minute in enumerate(minutes):
        below = 0.0
        for kind, _, name in KINDS:
            height = minute.get(name, 0) / top * HEIGHT
            if height:
                below += height
                bars.append(_bar(kind, number * step, HEIGHT - below, step - GAP, height))
    legend = tuple((kind, label, sum(m.get(name, 0) for m in minutes)) for kind, label, name in KINDS)
    said = ", ".join(f"{count} {label}" for _, label, count in legend if count)
    return Mix(bars=tuple(bars), top=top, legend=legend, summary=f"Last hour: {said or 'nothing'}")


def runs(minutes: Sequence[Mapping[str, int]], name: str = "run") -> Lines:
    """Draw percentiles of a duration, with gaps where nothing was measured."""
    found = [percentiles([minute], name, [share for _, share in SHARES]) for minute in minutes]
    top = float(rounded_up(max((value for row in found for value in row if value is not None), default=0)))
    step = WIDTH / max(1, len(minutes))
    lines = []
    for column, (label, _) in enumerate(SHARES):
        points = [row[column] for row in found]
        lines.append((label, _path(points, step, top)))
    whole = percentiles(minutes, name, [share for _, share in SHARES])
    said = ", ".join(
        f"{label} {value:.0f} ms"
        for (label, _), value in zip(SHARES, whole, strict=True)
        if value is not None
    )
    return Lines(lines=tuple(lines), top=top, summary=f"Last hour: {said or 'nothing ran'}")


def spans(changes: Sequence[tuple[int, str]], phase: str, now_ms: int) -> tuple[Span, ...]:
    """A breaker's last hour: when, in ms, it became what, oldest first; `phase` is what it is now."""
    start_ms = now_ms - HOUR_S * 1000
    before = "closed" if changes else phase
    edges = [(0.0, before)]
    for at_ms, became in changes:
        edges.append((max(0.0, (at_ms - start_ms) / 1000), became))
    ends = [at for at, _ in edges[1:]] + [float(HOUR_S)]
    return tuple(
        Span(name, round(at, 1), round(end - at, 1))
        for (at, name), end in zip(edges, ends, strict=True)
        if end > at
    )


def rounded_up(value: float) -> int:
    """The next number that reads well at the top of a chart."""
    if value <= 1:
        return 1
    magnitude: int = 10 ** math.floor(math.log10(value))
    return next(math.ceil(magnitude * m) for m in (1, 1.5, 2, 3, 5, 7.5, 10) if magnitude * m >= value)


def _bar(kind: str, x: float, y: float, width: float, height: float) -> Bar:
    return Bar(kind, round(x, 2), round(y, 2), round(width, 2), round(height, 2))


def _path(points: Sequence[float | None], step: float, top: float) -> str:
    parts: list[str] = []
    pen_down = False
    for number, value in enumerate(points):
        if value is None:
            pen_down = False
            continue
        x, y = number * step + step / 2, HEIGHT - min(1.0, value / top) * HEIGHT
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}")
        if not pen_down:
            # A single minute is a dot.
            parts.append(f"l{step / 4:.1f} 0")
        pen_down = True
    return "".join(parts)
