"""`python -m workers.semantic.calibrate`: the laboratory behind `sentinel calibrate` and `cache explain`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from workers.semantic import explaining
from workers.semantic.lab import LabelledPair, Point, explained, points, suggested
from workers.semantic.minilm import LocalEmbedder
from workers.semantic.plot import plotted
from workers.semantic.traffic import Asked, Outcome, replayed, suggested as best_of
from workers.semantic.verifier.verifier import Pairs, load

_VARIABLES = {
    "cosine": "SENTINEL_SIMILARITY_THRESHOLD",
    "guards": "SENTINEL_SIMILARITY_THRESHOLD",
    "verified": "SENTINEL_VERIFIER_CHANCE",
}
BAR = 20
"""Characters of a bar that stands for every request."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; returns 1 where no setting keeps to what was asked, 2 for a file that cannot be read."""
    given = _parser().parse_args(arguments)
    if given.verb == "explain":
        return _explain(load(given.models), given)
    try:
        rows = _read(given.file, given.most)
    except (OSError, msgspec.DecodeError) as error:
        sys.stderr.write(f"sentinel: {given.file}: {error}\n")
        return 2
    model = load(given.models)
    if isinstance(rows[0], LabelledPair):
        return _pairs(model, [row for row in rows if isinstance(row, LabelledPair)], given)
    return _traffic(model, [row for row in rows if isinstance(row, Asked)], given)


def _read(file: Path, most: int) -> Sequence[LabelledPair] | Sequence[Asked]:
    """Read pairs, or requests where no line has a label; raises OSError and msgspec.DecodeError."""
    lines = [line for line in file.read_bytes().splitlines() if line.strip()][:most]
    if lines and "label" in msgspec.json.decode(lines[0], type=dict[str, object]):
        return [msgspec.json.decode(line, type=LabelledPair) for line in lines]
    requests = [msgspec.json.decode(line, type=Asked) for line in lines]
    if not requests or not all(request.asked for request in requests):
        raise msgspec.ValidationError("has neither pairs (a, b, label) nor requests (prompt)")
    return requests


def _pairs(model: Pairs, pairs: Sequence[LabelledPair], given: argparse.Namespace) -> int:
    said = [explained(model, pair.a, pair.b) for pair in pairs]
    found = points(said, [pair.label == 1 for pair in pairs], LocalEmbedder.threshold)
    best = suggested(found, given.max_wrong)
    if given.plot is not None:
        given.plot.write_text(plotted(found), "utf-8")
    header = ("policy", "threshold", "hit rate", "false hits", "wrong of hits", "saved $/1k")
    rows = [
        (*_named(p), _share(p.hit_rate), _share(p.false_hit_rate), _share(p.wrong_of_hits), _saved(p, given))
        for p in found
    ]
    _print(found, best, [header, *rows], [p.hit_rate for p in found], given)
    return 0 if best else 1


def _traffic(model: Pairs, requests: Sequence[Asked], given: argparse.Namespace) -> int:
    found = replayed(model, requests, cost=given.cost, least_cosine=LocalEmbedder.threshold)
    best = best_of(found, given.max_wrong)
    if given.plot is not None:
        drawn = [Point(o.policy, o.threshold, o.hit_rate, o.wrong_of_hits, o.wrong_of_hits) for o in found]
        given.plot.write_text(plotted(drawn, across="hits that are wrong", up="requests that hit"), "utf-8")
    header = ("policy", "threshold", "exact", "hit rate", "wrong of hits", "judged", "saved $")
    rows = [
        (
            *_named(o),
            _share(o.exact / o.requests),
            _share(o.hit_rate),
            _share(o.wrong_of_hits),
            str(o.right + o.wrong),
            f"{o.saved:.4f}",
        )
        for o in found
    ]
    _print(found, best, [header, *rows], [o.hit_rate for o in found], given)
    return 0 if best else 1


def _print(
    found: Sequence[Point | Outcome],
    best: Point | Outcome | None,
    rows: Sequence[tuple[str, ...]],
    hit_rates: Sequence[float],
    given: argparse.Namespace,
) -> None:
    if given.json or not sys.stdout.isatty():
        shown = [{name: getattr(one, name) for name in _SHOWN if hasattr(one, name)} for one in found]
        chosen = None if best is None else {"policy": best.policy, "threshold": best.threshold}
        report = {"max_wrong": given.max_wrong, "points": shown, "suggested": chosen}
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row, share in zip(rows, [None, *hit_rates], strict=True):
        bar = "" if share is None else "█" * round(share * BAR)
        line = "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])])
        sys.stdout.write(f"{line}  {bar}".rstrip() + "\n")
    sys.stdout.write("\n" + _suggestion(best, given.max_wrong))


_SHOWN = (
    *("policy", "threshold", "requests", "exact", "hits", "hit_rate", "false_hit_rate", "wrong_of_hits"),
    *("right", "wrong", "saved"),
)


def _suggestion(best: Point | Outcome | None, max_wrong: float) -> str:
    if best is None:
        return f"No policy keeps wrong hits within {max_wrong:.1%} of hits here.\n"
    return (
        f"Suggested, for at most {max_wrong:.1%} of hits wrong:\n"
        f"  SENTINEL_SEMANTIC_POLICY={best.policy}\n  {_VARIABLES[best.policy]}={best.threshold:g}\n"
        f"or let the gateway learn the threshold:\n  SENTINEL_MAX_FALSE_HIT_RATE={max_wrong:g}\n"
    )


def _named(one: Point | Outcome) -> tuple[str, str]:
    return one.policy, f"{one.threshold:.2f}"


def _share(value: float) -> str:
    return f"{value:.1%}"


def _saved(point: Point, given: argparse.Namespace) -> str:
    return f"{1000 * point.hit_rate * given.cost:.2f}"


def _explain(model: Pairs, given: argparse.Namespace) -> int:
    said = explained(model, given.a, given.b)
    told = explaining.explanation(said, given.policy, given.threshold, given.chance)
    if given.json or not sys.stdout.isatty():
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(told)).decode() + "\n")
    else:
        sys.stdout.write(explaining.table(told, colour="NO_COLOR" not in os.environ))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers.semantic.calibrate", description=__doc__)
    parser.add_argument("--models", type=Path, required=True, help="where the local model lies")
    verbs = parser.add_subparsers(dest="verb", required=True)
    replay = verbs.add_parser("file")
    replay.add_argument("file", type=Path)
    replay.add_argument("--max-wrong", type=float, default=0.02)
    replay.add_argument("--cost", type=float, default=0.0)
    replay.add_argument("--most", type=int, default=5_000)
    replay.add_argument("--plot", type=Path)
    replay.add_argument("--json", action="store_true")
    explain = verbs.add_parser("explain")
    explain.add_argument("a")
    explain.add_argument("b")
    explain.add_argument("--policy", choices=explaining.POLICIES, default="verified")
    explain.add_argument("--threshold", type=float)
    explain.add_argument("--chance", type=float, default=0.8)
    explain.add_argument("--json", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
