"""What docs/FAILURE_MODES.md names is there: tests, kinds of fault, metrics, alerts."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from shared import metrics
from tests.chaos.faults.catalogue import LANES

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "FAILURE_MODES.md").read_text("utf-8")
PROMISES = ("G1", "G2", "G3", "G4", "G5", "G6", "G9")


def _tests() -> Iterator[tuple[str, str]]:
    """Every test's name, with what it and its file say of themselves."""
    for path in (ROOT / "tests").rglob("test_*.py"):
        module = ast.parse(path.read_text("utf-8"))
        of_file = ast.get_docstring(module) or ""
        for node in module.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name, f"{of_file} {ast.get_docstring(node)}"


TESTS = dict(_tests())


def test_every_test_that_it_names_exists() -> None:
    """Whoever renames one finds the page."""
    assert set(re.findall(r"`(test_\w+)`", TEXT)) - TESTS.keys() == set()


@pytest.mark.parametrize("promise", PROMISES)
def test_every_promise_has_tests_that_say_so(promise: str) -> None:
    """Both ways: the page names them, and they name the promise."""
    [row] = re.findall(rf"^\| \*\*{promise}\*\*.*$", TEXT, re.MULTILINE)
    named = re.findall(r"`(test_\w+)`", row)
    assert named
    assert [name for name in named if not re.search(rf"\b{promise}\b", TESTS[name])] == []


def test_every_kind_of_fault_is_on_it() -> None:
    """And no other."""
    kinds = {kind.kind for lane in LANES for kind in lane.kinds}
    beginnings = {kind.partition("_")[0] for kind in kinds} | {"clock"}
    written = {word for word in re.findall(r"`([a-z0-9_]+)`", TEXT) if word.partition("_")[0] in beginnings}
    assert written == kinds


def test_every_metric_and_alert_that_it_names_exists() -> None:
    """Whoever looks there at night finds them."""
    assert metrics.requests is not None, "imported: that declares them"
    known = {name for family in REGISTRY.collect() for name in (family.name, f"{family.name}_total")}
    assert set(re.findall(r"`(sentinel_\w+)`", TEXT)) - known == set()
    rules = (ROOT / "compose" / "prometheus" / "rules" / "alerts.yaml").read_text("utf-8")
    alerts = set(re.findall(r"- alert: (\w+)", rules))
    assert set(re.findall(r"\bSentinel[A-Z]\w+", TEXT)) - alerts == set()
