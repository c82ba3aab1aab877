"""docs/METRICS.md, from code and compose/prometheus/metrics.toml: `python -m tests.support.metrics_page`."""

import tomllib
from functools import cache
from pathlib import Path

import msgspec
from msgspec import Struct
from prometheus_client import REGISTRY

import shared.metrics as _declared  # noqa: F401 - declaring them is what it is for

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "METRICS.md"
GUIDE = ROOT / "compose" / "prometheus" / "metrics.toml"
HEAD = """\
# Metrics

`GET /metrics` of an ingress. Under `make up` it shows all processes of the machine, workers included;
elsewhere each ingress shows its own, and each worker its own on `SENTINEL_WORKER_METRICS_PORT`. Dashboards
and alerts are in `compose/grafana` and `compose/prometheus`; [OPERATIONS.md](OPERATIONS.md#monitoring) says
how to run them.

Names and labels are stable. Durations are in seconds, sizes in bytes, money in dollars. Generated from
`shared/metrics.py` and `compose/prometheus/metrics.toml`.
"""


class Metric(Struct, frozen=True, forbid_unknown_fields=True):
    """How to read one metric."""

    name: str
    query: str
    good: str
    do: str


class Group(Struct, frozen=True, forbid_unknown_fields=True):
    """Metrics that are read together."""

    title: str
    metric: tuple[Metric, ...]


class Guide(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file: what labels can be, and the metrics."""

    labels: dict[str, str]
    group: tuple[Group, ...]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """All of them."""
        return tuple(metric for group in self.group for metric in group.metric)


class Declared(Struct, frozen=True):
    """A metric as the code declares it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


@cache
def guide() -> Guide:
    """Read the guide; raises ValidationError for what it should not hold."""
    return msgspec.convert(tomllib.loads(GUIDE.read_text("utf-8")), Guide)


@cache
def declared() -> dict[str, Declared]:
    """Every metric of ours by its name in queries."""
    found = {}
    for collector in set(REGISTRY._names_to_collectors.values()):
        described = collector.describe() if hasattr(collector, "describe") else ()
        for family in described:
            if family.name.startswith("sentinel_"):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                labels = tuple(getattr(collector, "_labelnames", ()))
                found[name] = Declared(name, family.type, labels, family.documentation)
    return found


def page() -> str:
    """All metrics by group, then what labels can be."""
    lines = [HEAD]
    for group in guide().group:
        lines += [f"## {group.title}", ""]
        for metric in group.metric:
            lines += [*_section(metric, declared()[metric.name]), ""]
    lines += ["## Labels", "", "| label | values |", "|---|---|"]
    lines += [f"| `{name}` | {values} |" for name, values in sorted(guide().labels.items())]
    return "\n".join(lines) + "\n"


def _section(metric: Metric, code: Declared) -> list[str]:
    labels = f"{{{','.join(code.labels)}}}" if code.labels else ""
    return [
        f"### `{metric.name}{labels}`",
        "",
        f"{code.meaning} ({code.kind})",
        "",
        f"- Query: `{metric.query}`",
        f"- Good: {metric.good}",
        f"- Else: {metric.do}",
    ]


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
