"""Prometheus' own tool has nothing to say against rules, alerts, configuration, metrics and queries."""

import json
import subprocess
import sys
from pathlib import Path

from shared.exposition import exposition
from tests.support.dashboards import dashboards
from tests.support.metrics_page import guide

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "compose" / "prometheus"
PROMTOOL = Path(sys.executable).with_name("promtool")


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    """Run it; a missing tool fails: `make test` brings it (compose/install-test-programs.sh)."""
    assert PROMTOOL.exists(), "run compose/install-test-programs.sh, as `make test` does"
    done = subprocess.run(
        [PROMTOOL, *arguments], input=given, capture_output=True, check=False, cwd=PROMETHEUS
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def test_rules_and_configuration_are_sound() -> None:
    """With every lint, and no exceptions."""
    promtool("check", "rules", "--lint=all", "--lint-fatal", "rules/recording.yaml", "rules/alerts.yaml")
    promtool("check", "config", "prometheus.yml")


def test_alerts_fire_when_they_should() -> None:
    """And not a moment earlier: see the two files."""
    for name in ("alerts_test.yaml", "alerts_day_test.yaml"):
        assert "SUCCESS" in promtool("test", "rules", f"rules/{name}")


def test_metrics_are_named_and_explained_as_prometheus_wants() -> None:
    """What this process exposes has base units, help, and `_total` where it belongs."""
    promtool("check", "metrics", given=exposition())


def test_every_query_of_dashboards_and_guide_can_be_asked(tmp_path: Path) -> None:
    """Each is a rule for as long as the tool looks at it."""
    queries = [metric.query for metric in guide().metrics]
    queries += [query.expr for board in dashboards() for panel in board.panel for query in panel.queries]
    rules = [
        {"record": f"query:n{number}:x", "expr": spelled_out(query)} for number, query in enumerate(queries)
    ]
    path = tmp_path / "queries.yaml"
    # JSON is YAML.
    path.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    promtool("check", "rules", path)


def spelled_out(query: str, window: str = "5m") -> str:
    """A query without Grafana's variables."""
    spelled = query.replace("$fleet", 'job=~".*"')
    return spelled.replace("$__rate_interval", window).replace("$__range", window)
