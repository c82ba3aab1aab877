"""The product as real processes: Redis, simulator, ingresses and workers."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.cli.ports import free_port
from tests.support.redis_process import RedisProcess

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / ".sentinel" / "models"
"""The local model is built once for `make up` and for tests: it is the same."""
USER_KEY = "user-key-for-tests"
OTHER_KEY = "other-key-for-tests"
ADMIN_KEY = "admin-key-for-tests"
READY_S = 30.0
STOP_S = 20.0


@dataclass
class Process:
    """One real process; its stderr is kept in a file."""

    name: str
    popen: "subprocess.Popen[bytes]"
    log: Path

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and return its exit code."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.popen.wait(STOP_S)


@dataclass
class Stack:
    """A running product. `queue` is its Redis, `urls` its ingresses, `simulator` its upstream."""

    queue: RedisProcess
    simulator: str
    folder: Path
    environment: Mapping[str, str]
    processes: list[Process] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def client(self, ingress: int = 0, key: str | None = USER_KEY, timeout: float = 40) -> httpx.Client:
        """An HTTP client of one ingress."""
        headers = {} if key is None else {"X-API-Key": key}
        return httpx.Client(base_url=self.urls[ingress], headers=headers, timeout=timeout)

    def calls(self, path: str = "/openai/v1/chat/completions") -> list[dict[str, Any]]:
        """The simulator's finished calls to a path: what the upstream really did."""
        found = httpx.get(f"{self.simulator}/_simulator/calls", params={"since": 0}).json()
        records: list[dict[str, Any]] = found["calls"] if isinstance(found, dict) else found
        return [r for r in records if r["path"] == path and r.get("phase", "finished") == "finished"]

    def wait_for_calls(self, count: int) -> None:
        """Return once so many calls have reached the simulator."""
        query = {"arrived": count, "wait_s": 20}
        found = httpx.get(f"{self.simulator}/_simulator/calls/count", params=query, timeout=30).json()
        assert found["reached"], f"only {found['arrived']} of {count} calls arrived"

    def script(self, *rules: Mapping[str, Any]) -> None:
        """Tell the simulator how to behave from now on."""
        httpx.put(f"{self.simulator}/_simulator/script", json=list(rules)).raise_for_status()

    def close_breaker(self, provider: str = "simulator") -> None:
        """Close a provider's breaker, and wait until every ingress knows: each looks twice a second."""
        with self.client(key=ADMIN_KEY) as http:
            http.post(f"/admin/breakers/{provider}/reset").raise_for_status()
        closed = f'sentinel_breaker_state{{provider="{provider}"}} 0.0'
        for url in self.urls:
            wait_until(lambda at=url: closed in httpx.get(f"{at}/metrics").text, "the breaker is closed")

    def forget(self) -> None:
        """Empty the simulator's call log and its script."""
        httpx.delete(f"{self.simulator}/_simulator/calls").raise_for_status()
        httpx.delete(f"{self.simulator}/_simulator/script").raise_for_status()

    def start(self, name: str, module: str, **environment: str) -> Process:
        """Start one more process of the product."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as stream:
            popen = subprocess.Popen(
                [sys.executable, "-m", module],
                env={**self.environment, **environment},
                cwd=ROOT,
                stdout=stream,
                stderr=stream,
            )
        process = Process(name, popen, log)
        self.processes.append(process)
        return process

    def add_ingress(self, **environment: str) -> Process:
        """Start one more ingress and wait until it is ready."""
        process = self.start_ingress(**environment)
        wait_for_ingress(process, self.urls[-1])
        return process

    def start_ingress(self, **environment: str) -> Process:
        """Start one more ingress."""
        port = free_port()
        process = self.start(f"ingress-{len(self.urls)}", "ingress", SENTINEL_PORT=str(port), **environment)
        self.urls.append(f"http://127.0.0.1:{port}")
        return process

    def add_worker(self, **environment: str) -> Process:
        """Start one more worker and wait until it takes jobs."""
        process = self.start_worker(**environment)
        wait_for_worker(process)
        return process

    def start_worker(self, **environment: str) -> Process:
        """Start one more worker."""
        count = sum(p.name.startswith("worker") for p in self.processes)
        return self.start(f"worker-{count}", "workers", **environment)

    def named(self, prefix: str) -> list[Process]:
        """The processes whose name starts so."""
        return [p for p in self.processes if p.name.startswith(prefix)]

    def logs(self) -> str:
        """Everything that all processes have logged."""
        return "\n".join(p.log.read_text() for p in self.processes)


@contextlib.contextmanager
def running(
    folder: Path, *, ingresses: int = 1, workers: int = 1, cache: RedisProcess | None = None, **settings: str
) -> Iterator[Stack]:
    """Run a product with settings of one's own; everything is stopped at the end."""
    with RedisProcess() as queue:
        simulator_port = free_port()
        environment = _environment(folder, queue, simulator_port)
        if cache is not None:
            environment["SENTINEL_CACHE_REDIS_URL"] = cache.url
        stack = Stack(queue, f"http://127.0.0.1:{simulator_port}", folder, {**environment, **settings})
        try:
            simulator = _start_simulator(stack, simulator_port)
            # All at once: most of a start is imports, which wait for nobody.
            started_workers = [stack.start_worker() for _ in range(workers)]
            started_ingresses = [stack.start_ingress() for _ in range(ingresses)]
            wait_until(lambda: b'"ready"' in simulator.log.read_bytes(), "the simulator is ready", simulator)
            for process in started_workers:
                wait_for_worker(process)
            for process, url in zip(started_ingresses, stack.urls, strict=True):
                wait_for_ingress(process, url)
            yield stack
        finally:
            _stop(stack)


def wait_until(condition: "Any", what: str, process: Process | None = None, within: float = READY_S) -> None:
    """Poll a condition of another process; fails with that process's log."""
    deadline = time.monotonic() + within
    while not condition():
        if process is not None and process.popen.poll() is not None:
            raise AssertionError(
                f"{process.name} exited {process.popen.returncode}:\n{process.log.read_text()}"
            )
        if time.monotonic() > deadline:
            log = process.log.read_text() if process else ""
            raise AssertionError(f"not within {within} s: {what}\n{log}")
        time.sleep(0.02)


def wait_for_worker(process: Process) -> None:
    """Return once a worker takes jobs."""
    wait_until(lambda: b"worker ready" in process.log.read_bytes(), f"{process.name} is ready", process)


def wait_for_ingress(process: Process, url: str) -> None:
    """Return once an ingress is ready."""
    wait_until(lambda: _is_up(f"{url}/readyz"), f"{process.name} is ready", process)


def _environment(folder: Path, queue: RedisProcess, simulator_port: int) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SENTINEL_", "GROQ_", "JINA_"))
    }
    return kept | {
        "SENTINEL_REDIS_URL": queue.url,
        "SENTINEL_USER_KEYS": f"{USER_KEY},other:{OTHER_KEY}",
        "SENTINEL_ADMIN_KEYS": ADMIN_KEY,
        "SENTINEL_FINGERPRINT_SECRET": "secret-for-tests",
        "SENTINEL_DATA_DIR": str(folder),
        "SENTINEL_MODEL_DIR": str(MODELS),
        "SENTINEL_PROVIDER": "simulator",
        "SENTINEL_RATE_CAPACITY": "100000",
        "SENTINEL_RATE_REFILL_PER_S": "10000",
        "SENTINEL_DRAIN_S": "1",
        "GROQ_API_KEY": "provider-key-for-tests",
        "GROQ_BASE_URL": f"http://127.0.0.1:{simulator_port}",
        "PYTHONFAULTHANDLER": "1",
    }


def _start_simulator(stack: Stack, port: int) -> Process:
    log = stack.folder / "simulator.log"
    with log.open("ab") as stream:
        popen = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "simulator",
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--latency-ms",
                "20",
            ],
            cwd=ROOT,
            stdout=stream,
            stderr=stream,
        )
    process = Process("simulator", popen, log)
    stack.processes.append(process)
    return process


def _stop(stack: Stack) -> None:
    for process in reversed(stack.processes):
        if process.popen.poll() is None:
            process.popen.send_signal(signal.SIGTERM)
    for process in reversed(stack.processes):
        try:
            process.popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()


def _is_up(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def build_model() -> None:
    """Build the local model unless it is there."""
    subprocess.run([sys.executable, "-m", "workers.semantic.minilm", str(MODELS)], check=True, cwd=ROOT)
