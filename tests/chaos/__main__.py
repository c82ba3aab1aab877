"""`python -m tests.chaos`: break a product under load and check that it keeps its promises."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.chaos import stored
from tests.chaos.checker import check
from tests.chaos.evidence import Evidence
from tests.chaos.faults import catalogue, clock
from tests.chaos.page import page
from tests.chaos.report import report
from tests.chaos.run import Plan, run


def main() -> int:
    """Run once; returns 0 when every promise was kept, 1 when one was broken, 2 for a bad argument."""
    given = _parser().parse_args()
    if given.read:
        return _judge(stored.read(Path(given.read)), given.markdown)
    try:
        kinds = catalogue.chosen([name for name in given.faults.split(",") if name])
    except ValueError as error:
        sys.stderr.write(f"chaos: {error}\n")
        return 2
    if clock.library() is None:
        sys.stderr.write("chaos: no libfaketime here, so no clock_skew (FAKETIME_LIBRARY names one)\n")
    folder = Path(tempfile.mkdtemp(prefix="sentinel-chaos-"))
    sys.stderr.write(f"chaos: history, calls and logs in {folder}\n")
    plan = Plan(seed=given.seed, seconds=given.seconds, callers=given.callers, faults=tuple(kinds))
    return _judge(asyncio.run(run(plan, folder)), given.markdown)


def _judge(evidence: Evidence, markdown: str) -> int:
    violations = check(evidence)
    sys.stdout.write(report(evidence, violations) + "\n")
    if markdown:
        Path(markdown).write_text(page(evidence, violations))
    return 1 if violations else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="decides questions, faults and their targets")
    parser.add_argument("--seconds", type=float, default=60, help="how long to load and break")
    parser.add_argument("--read", default="", metavar="FOLDER", help="only judge an earlier run again")
    parser.add_argument("--markdown", default="", metavar="FILE", help="also write the report as a page")
    parser.add_argument("--callers", type=int, default=16, help="concurrent callers")
    parser.add_argument(
        "--faults", default="", help=f"comma list of kinds, default all: {', '.join(catalogue.offered())}"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
