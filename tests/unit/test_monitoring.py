"""Metrics, dashboards, alerts and runbooks name the same things, and each of them is whole."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from shared.settings.listed import LISTED
from tests.support.dashboards import dashboards, files
from tests.support.metrics_page import PAGE, declared, guide, page

ROOT = Path(__file__).parents[2]
RULES = ROOT / "compose" / "prometheus" / "rules"
RUNBOOKS = ROOT / "docs" / "runbooks"
SEEDS = {
    "sentinel_requests_total": ("endpoint", "status"),
    "sentinel_request_duration_seconds": ("endpoint",),
    "sentinel_cache_hits_total": ("type",),
    "sentinel_llm_cost_usd_total": ("provider", "model"),
    "sentinel_active_locks": (),
}
UNITS = ("_seconds", "_bytes", "_ratio", "_usd_total", "_total", "_info", "_texts")
ALERTS = re.findall(r"- alert: (\w+)", (RULES / "alerts.yaml").read_text("utf-8"))


def test_the_metrics_page_is_what_code_and_guide_say() -> None:
    """`python -m tests.support.metrics_page` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


def test_every_metric_is_explained_and_every_explanation_has_its_metric() -> None:
    """Whoever adds a metric says in compose/prometheus/metrics.toml how to read it."""
    explained = [metric.name for metric in guide().metrics]
    assert sorted(explained) == sorted(declared())
    for metric in guide().metrics:
        assert metric.name in metric.query, metric.name


def test_every_label_is_known_to_be_bounded() -> None:
    """A label that can take any value makes as many series as callers like."""
    used = {label for metric in declared().values() for label in metric.labels}
    assert used == set(guide().labels)
    unbounded = {"tenant", "key", "key_id", "job_id", "request_id", "prompt", "path", "url", "worker", "host"}
    assert not used & unbounded


def test_names_have_units_and_help_is_a_sentence() -> None:
    """Prometheus' own rules, and ours."""
    for metric in declared().values():
        assert metric.meaning.endswith("."), metric.name
        # A gauge may count things, which have no unit.
        assert metric.kind == "gauge" or metric.name.endswith(UNITS), metric.name
        assert (metric.kind == "counter") == metric.name.endswith("_total"), metric.name


def test_the_first_metrics_keep_their_names_and_labels() -> None:
    """Dashboards elsewhere are built on them."""
    assert {name: declared()[name].labels for name in SEEDS} == SEEDS


def test_the_dashboards_are_what_their_source_says() -> None:
    """`python -m tests.support.dashboards` writes them anew."""
    for path, text in files().items():
        assert path.read_text("utf-8") == text
    assert {path.name for path in files()} == {path.name for path in (next(iter(files()))).parent.iterdir()}


@pytest.mark.parametrize("path", files(), ids=lambda path: path.stem)
def test_a_dashboard_is_what_grafana_wants(path: Path) -> None:
    """Fixed uid, chosen datasource, and for each panel a place, a unit, a description and whole queries."""
    board = json.loads(path.read_text("utf-8"))
    assert board["uid"] == path.stem
    assert not board["editable"]
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource", "job", "instance"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in board["panels"]:
        _check_panel(panel)
    places = [cell for panel in board["panels"] for cell in _cells(panel["gridPos"])]
    assert len(places) == len(set(places)), "panels overlap"


def _check_panel(panel: dict[str, Any]) -> None:
    title = panel["title"]
    assert panel["description"].endswith("."), title
    assert panel["fieldConfig"]["defaults"]["unit"], title
    assert panel["datasource"]["uid"] == "${datasource}", title
    for target in panel["targets"]:
        assert target["datasource"]["uid"] == "${datasource}", title
        expr = target["expr"]
        assert '{job=~"$job",instance=~"$instance"' in expr, title
        # A counter alone says nothing, and a fixed window is wrong for all but one time range.
        for name in re.findall(r"(sentinel_\w+_(?:total|bucket|sum|count))\{", expr):
            window = r"\{[^}]*\}\[(\$__rate_interval|\$__range)\]"
            assert re.search(rf"(rate|increase)\({name}{window}", expr), title
        for name in re.findall(r"sentinel_\w+", expr):
            assert _family(name) in declared(), name


def _cells(place: dict[str, int]) -> list[tuple[int, int]]:
    assert place["x"] + place["w"] <= 24
    return [
        (place["x"] + column, place["y"] + row) for column in range(place["w"]) for row in range(place["h"])
    ]


def _family(name: str) -> str:
    return name if name in declared() else re.sub(r"_(bucket|sum|count)$", "", name)


def test_dashboards_leave_no_metric_out() -> None:
    """What is counted is shown somewhere."""
    shown = {
        _family(name)
        for board in dashboards()
        for panel in board.panel
        for query in panel.queries
        for name in re.findall(r"sentinel_\w+", query.expr)
    }
    assert set(declared()) - shown == set()


def test_rules_ask_for_metrics_that_exist() -> None:
    """An alert on a name that nobody exports never fires."""
    for path in (RULES / "recording.yaml", RULES / "alerts.yaml"):
        text = re.sub(r"(?m)^\s*#.*$", "", path.read_text("utf-8"))
        for name in re.findall(r"(?<![:\w])sentinel_\w+", text):
            assert _family(name) in declared(), name


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_runbook_and_is_tested_both_ways(alert: str) -> None:
    """Its page says what it means and what to do, and a test says when it fires and when not yet."""
    rules = (RULES / "alerts.yaml").read_text("utf-8")
    assert f"runbook_url: docs/runbooks/{alert}.md" in rules
    text = (RUNBOOKS / f"{alert}.md").read_text("utf-8")
    assert re.findall(r"(?m)^##? (.+)$", text) == [alert, "Meaning", "Impact", "Diagnosis", "Mitigation"]
    tests = "".join(path.read_text("utf-8") for path in RULES.glob("*_test.yaml"))
    assert re.search(rf"alertname: {alert}\n\s+exp_alerts:\n", tests), "nothing says when it fires"
    assert f"alertname: {alert}, exp_alerts: []" in tests, "nothing says when it does not"


def test_every_runbook_belongs_to_an_alert() -> None:
    """And there are no others."""
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == sorted(ALERTS)


def test_runbooks_name_settings_that_exist() -> None:
    """At night nobody wants to look for the right one."""
    known = {setting.variable for setting in LISTED}
    for path in (*RUNBOOKS.glob("*.md"), PAGE):
        for name in re.findall(r"`(SENTINEL_[A-Z_]+)`?=?", path.read_text("utf-8")):
            assert name in known, f"{path.name}: {name}"
