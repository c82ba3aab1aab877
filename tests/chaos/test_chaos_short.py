"""The short form of `make chaos`: one seed, the faults that matter most, within a test run's patience."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import check
from tests.chaos.evidence import spans
from tests.chaos.faults import catalogue
from tests.chaos.report import report
from tests.chaos.run import Plan, run

SEED = 20_261_123
SECONDS = 8
"""At least: every kind has its turn."""
KINDS = (
    "worker_kill",
    "worker_pause_long",
    "worker_term",
    "ingress_kill",
    "redis_kill",
    "redis_pause",
    "drop_clients",
    "link_hole",
    "provider_500",
)


@pytest.mark.timeout(420)
def test_no_promise_is_broken_while_everything_breaks(
    tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 lost, 0 double commits, 0 hung, every further upstream call explained (G1, G2, G3, G5, G9)."""
    kinds = tuple(catalogue.chosen(KINDS))
    plan = Plan(seed=SEED, seconds=SECONDS, callers=16, faults=kinds, workers=3, ingresses=2, pauses=0.4)
    evidence = asyncio.run(run(plan, tmp_path))
    violations = check(evidence)
    shown = report(evidence, violations)
    record_property("chaos", shown)
    with capsys.disabled():
        print(f"\n{shown}")  # noqa: T201 - the figures are what this test is for
    assert not violations, shown
    assert {span.kind for span in spans(evidence.events)} == set(KINDS)
