"""Grafana's dashboards, from compose/grafana/dashboards.toml: `python -m tests.support.dashboards`.

The classic JSON model: it is what every Grafana since 8 provisions, and newer ones migrate on loading.
"""

import json
import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "compose" / "grafana" / "dashboards.toml"
FOLDER = ROOT / "compose" / "grafana" / "dashboards"
FLEET = 'job=~"$job",instance=~"$instance"'
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS = 24
TYPES = {"timeseries": "timeseries", "stat": "stat", "heatmap": "heatmap", "state": "state-timeline"}
SIZES = {"stat": (4, 4)}
BREAKER_STATES = {"0": ("closed", "green"), "1": ("half open", "yellow"), "2": ("open", "red")}


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """One question to Prometheus, and what its series are called."""

    expr: str
    legend: str


class Panel(Struct, frozen=True, forbid_unknown_fields=True):
    """One picture."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Literal["timeseries", "stat", "heatmap", "state"] = "timeseries"


class Dashboard(Struct, frozen=True, forbid_unknown_fields=True):
    """One page; its file is named after its uid."""

    uid: str
    title: str
    description: str
    panel: tuple[Panel, ...]


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """All of them."""

    dashboard: tuple[Dashboard, ...]


@cache
def dashboards() -> tuple[Dashboard, ...]:
    """Read the source; raises ValidationError for what it should not hold."""
    return msgspec.convert(tomllib.loads(SOURCE.read_text("utf-8")), Source).dashboard


def files() -> dict[Path, str]:
    """Every file with its text."""
    return {
        FOLDER / f"{one.uid}.json": json.dumps(_dashboard(one), indent=1, ensure_ascii=False) + "\n"
        for one in dashboards()
    }


def _dashboard(one: Dashboard) -> dict[str, Any]:
    return {
        "uid": one.uid,
        "title": one.title,
        "description": one.description,
        "tags": ["sentinel"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [
            {
                "type": "dashboards",
                "title": "Sentinel",
                "tags": ["sentinel"],
                "asDropdown": True,
                "keepTime": True,
                "includeVars": True,
            }
        ],
        "annotations": {"list": []},
        "templating": {"list": _variables()},
        "panels": [
            _panel(number, panel, place)
            for number, (panel, place) in enumerate(zip(one.panel, _places(one.panel), strict=True), start=1)
        ],
    }


def _variables() -> list[dict[str, Any]]:
    datasource = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    return [
        {**datasource, "current": {}, "hide": 0, "multi": False, "includeAll": False, "refresh": 1},
        _labels("job", "label_values(sentinel_build_info, job)"),
        _labels("instance", 'label_values(sentinel_build_info{job=~"$job"}, instance)'),
    ]


def _labels(name: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": name.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        # With the time range: a fleet's instances come and go.
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
        "hide": 0,
    }


def _places(panels: tuple[Panel, ...]) -> list[dict[str, int]]:
    """Where panels lie: in their order, from left to right, then in the next row."""
    found, x, y, tallest = [], 0, 0, 0
    for panel in panels:
        width, height = SIZES.get(panel.kind, (8, 8))
        if x + width > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        found.append({"x": x, "y": y, "w": width, "h": height})
        x, tallest = x + width, max(tallest, height)
    return found


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0}
    if panel.kind == "state":
        defaults["mappings"] = [
            {
                "type": "value",
                "options": {
                    value: {"text": text, "color": color, "index": int(value)}
                    for value, (text, color) in BREAKER_STATES.items()
                },
            }
        ]
    return {
        "id": number,
        "type": TYPES[panel.kind],
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "options": _options(panel),
        "targets": [
            {
                "refId": chr(ord("A") + position),
                "datasource": DATASOURCE,
                "expr": query.expr.replace("$fleet", FLEET),
                "legendFormat": query.legend,
                "editorMode": "code",
                "range": True,
                **({"format": "heatmap"} if panel.kind == "heatmap" else {}),
            }
            for position, query in enumerate(panel.queries)
        ],
    }


def _options(panel: Panel) -> dict[str, Any]:
    if panel.kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "none",
            "graphMode": "area",
        }
    if panel.kind == "heatmap":
        return {
            "calculate": False,
            "color": {"mode": "scheme", "scheme": "Blues"},
            "yAxis": {"unit": "short"},
        }
    if panel.kind == "state":
        return {"mergeValues": True, "showValue": "auto", "rowHeight": 0.8}
    return {
        "legend": {"displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, "utf-8")
