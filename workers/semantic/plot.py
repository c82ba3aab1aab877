"""A plot of policies as SVG: hits upwards, wrong hits to the right."""

from collections.abc import Sequence

from workers.semantic.lab import Point

_SIZE, _MARGIN = 480, 48
_COLOURS = {"cosine": "#b3432b", "guards": "#c9952c", "verified": "#2b6cb3"}


def plotted(
    points: Sequence[Point], *, across: str = "false pairs that hit", up: str = "true pairs that hit"
) -> str:
    """Draw one line a policy through its thresholds; both axes reach from 0 to 1."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_SIZE} {_SIZE}" font-size="12">',
        f'<rect width="{_SIZE}" height="{_SIZE}" fill="white"/>',
        f'<path d="M{_MARGIN} {_MARGIN}V{_SIZE - _MARGIN}H{_SIZE - _MARGIN}" fill="none" stroke="black"/>',
        f'<text x="{_SIZE // 2}" y="{_SIZE - 12}" text-anchor="middle">{across}</text>',
        f'<text x="{_MARGIN}" y="{_MARGIN - 12}">{up}</text>',
    ]
    for row, (policy, colour) in enumerate(_COLOURS.items()):
        of_policy = [point for point in points if point.policy == policy]
        path = " ".join(f"{_x(point):.1f},{_y(point):.1f}" for point in of_policy)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{_x(point):.1f}" cy="{_y(point):.1f}" r="3" fill="{colour}">'
            f"<title>{policy} {point.threshold:g}</title></circle>"
            for point in of_policy
        ]
        parts.append(f'<text x="{_SIZE - 120}" y="{_SIZE - 110 + 18 * row}" fill="{colour}">{policy}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _x(point: Point) -> float:
    return _MARGIN + point.false_hit_rate * (_SIZE - 2 * _MARGIN)


def _y(point: Point) -> float:
    return _SIZE - _MARGIN - point.hit_rate * (_SIZE - 2 * _MARGIN)
