"""`make bench-measuring`: what metrics and tracing cost an ingress, as a share of an exact hit.

Prints the processor time of one hit in microseconds, beside that of an ingress that counts nothing and reads
no trace (tests/bench/unmeasured_ingress.py); both share one Redis, and are measured in turn, as a machine's
speed drifts. Metrics are kept as under `make up`, in files that all processes of the machine share.
"""

import asyncio
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import uvloop

from shared.cli.ports import free_port
from tests.bench.load import countdown, request, run
from tests.support.collector import collecting
from tests.support.stack import USER_KEY, Process, Stack, running, wait_for_ingress

ROUNDS = 41
HITS = 400
CONNECTIONS = 8
BODY = b'{"prompt": "What is the capital of France?", "cache": {"mode": "exact"}}'
THE_LONG_WAY = {"Last-Event-ID": "0"}
"""A header that the shortcut leaves to the framework."""
A_TRACE = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}


class Side(NamedTuple):
    """One ingress."""

    process: Process
    port: int

    @property
    def cpu_us(self) -> float:
        """Processor time that all its threads have used, in microseconds."""
        tasks = Path(f"/proc/{self.process.popen.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1000


class Row(NamedTuple):
    """One comparison: what is sent to which side, beside which other, sent what."""

    name: str
    side: str
    headers: dict[str, str]
    beside: str
    beside_headers: dict[str, str]


ROWS = (
    Row("metrics, hit by the shortcut", "shipped", {}, "unmeasured", {}),
    Row("metrics, hit by the framework", "shipped", THE_LONG_WAY, "unmeasured", THE_LONG_WAY),
    Row("and a caller's trace, no spans", "shipped", A_TRACE, "unmeasured", A_TRACE),
    Row("and spans of 1 in 100, shortcut", "rarely", {}, "unmeasured", {}),
    Row("and spans of 1 in 100, framework", "rarely", THE_LONG_WAY, "unmeasured", THE_LONG_WAY),
    Row("and spans of all, framework", "always", THE_LONG_WAY, "unmeasured", THE_LONG_WAY),
)


async def cost(side: Side, headers: dict[str, str], hits: int) -> float:
    """Processor time of one hit, in microseconds."""
    every = {"X-API-Key": USER_KEY, "Content-Type": "application/json", **headers}
    sent = request("POST", "/v1/query", every, BODY)
    before = side.cpu_us
    await run(side.port, countdown(hits, lambda _: sent), connections=CONNECTIONS, check=b"detail=EXACT")
    return (side.cpu_us - before) / hits


async def rounds(sides: dict[str, Side]) -> dict[str, list[tuple[float, float]]]:
    """Measure every row several times, in turn."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for side in sides.values():
        await cost(side, THE_LONG_WAY, HITS // 10)
    for number in range(ROUNDS):
        for row in ROWS:
            pair = [(row.side, row.headers), (row.beside, row.beside_headers)]
            # Whoever comes second finds the machine as the first left it.
            taken = {
                name: await cost(sides[name], sent, HITS) for name, sent in pair[:: 1 - 2 * (number % 2)]
            }
            found[row.name].append((taken[row.side], taken[row.beside]))
    return found


def show(found: dict[str, list[tuple[float, float]]]) -> None:
    """Print the medians over the rounds."""
    print(f"{'':34}{'us a hit':>10}{'without':>10}{'share':>9}")
    for name, pairs in found.items():
        shares = [1 - beside / ours for ours, beside in pairs]
        ours, beside = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:34}{ours:10.1f}{beside:10.1f}{statistics.median(shares):9.1%}")


def start(stack: Stack, name: str, module: str, **environment: str) -> Side:
    """Start one ingress and wait for it."""
    port = free_port()
    process = stack.start(name, module, SENTINEL_PORT=str(port), **environment)
    wait_for_ingress(process, f"http://127.0.0.1:{port}")
    return Side(process, port)


def main() -> None:
    """Start all sides, measure, print."""
    with tempfile.TemporaryDirectory() as folder, collecting() as collector:
        (Path(folder) / "metrics").mkdir()
        shared = {"PROMETHEUS_MULTIPROC_DIR": f"{folder}/metrics"}
        otlp = {"SENTINEL_TRACING": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with running(Path(folder), ingresses=0, workers=1, **shared) as stack:  # type: ignore[arg-type]
            sides = {
                "shipped": start(stack, "shipped", "ingress"),
                "unmeasured": start(stack, "unmeasured", "tests.bench.unmeasured_ingress"),
                "rarely": start(stack, "rarely", "ingress", **otlp, SENTINEL_TRACE_RATIO="0.01"),
                "always": start(stack, "always", "ingress", **otlp),
            }
            stack.urls.append(f"http://127.0.0.1:{sides['shipped'].port}")
            with stack.client() as http:
                http.post("/v1/query", content=BODY, headers={"Content-Type": "application/json"})
            show(uvloop.run(rounds(sides)))
            print(f"{len(collector.spans)} spans were collected")


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
