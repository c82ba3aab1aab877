"""A real Prometheus that scrapes once a second, for as long as a block runs."""

import contextlib
import math
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from shared.cli.ports import free_port
from tests.support.stack import ROOT, STOP_S

PROGRAM = Path(sys.executable).with_name("prometheus")
RULES = ROOT / "compose" / "prometheus" / "rules"
READY_S = 20.0


class Prometheus:
    """What a running one is asked."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=10)

    def ask(self, query: str) -> list[tuple[dict[str, str], float]]:
        """The series that a query finds now, with their values; NaN is no value."""
        found = self._get("/api/v1/query", query=query)["result"]
        pairs = [(one["metric"], float(one["value"][1])) for one in found]
        return [(labels, value) for labels, value in pairs if not math.isnan(value)]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with its health."""
        groups = self._get("/api/v1/rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def scraped_all_since(self, moment: float) -> bool:
        """Whether every target was scraped after a moment of Unix time."""
        targets = self._get("/api/v1/targets")["activeTargets"]
        times = {labels["instance"]: when for labels, when in self.ask("timestamp(up)")}
        return bool(targets) and all(
            times.get(one["labels"]["instance"], 0) > moment and one["health"] == "up" for one in targets
        )

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return self._http.get("/-/ready").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Leave it."""
        self._http.close()

    def _get(self, path: str, **params: str) -> dict[str, Any]:
        answered = self._http.get(path, params=params)
        assert answered.status_code == httpx.codes.OK, f"{params}: {answered.text}"
        data: dict[str, Any] = answered.json()["data"]
        return data


@contextlib.contextmanager
def watching(folder: Path, targets: Sequence[str]) -> Iterator[Prometheus]:
    """Scrape `host:port` targets under the product's own rules, evaluated once a second as well."""
    assert PROGRAM.exists(), "run compose/install-test-programs.sh, as `make test` does"
    for name in ("recording.yaml", "alerts.yaml"):
        text = (RULES / name).read_text("utf-8").replace("interval: 15s", "interval: 1s")
        (folder / name).write_text(text, "utf-8")
    listed = ", ".join(f'"{target}"' for target in targets)
    (folder / "prometheus.yaml").write_text(
        "global: { scrape_interval: 1s, evaluation_interval: 1s }\n"
        "rule_files: [recording.yaml, alerts.yaml]\n"
        f"scrape_configs: [{{ job_name: sentinel, static_configs: [{{ targets: [{listed}] }}] }}]\n",
        "utf-8",
    )
    port = free_port()
    command = [
        str(PROGRAM),
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    log = folder / "prometheus.log"
    with log.open("wb") as stream:
        popen = subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder)
    prometheus = Prometheus(f"http://127.0.0.1:{port}")
    try:
        until = time.monotonic() + READY_S
        while not prometheus.is_ready():
            assert popen.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.05)
        yield prometheus
    finally:
        prometheus.close()
        popen.terminate()
        popen.wait(STOP_S)
