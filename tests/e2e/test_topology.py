"""Production's topology from the files that are shipped: Procfile, two Redis servers, proxy, Prometheus."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shared.cli.ports import free_port
from tests.support.prometheus import Prometheus, watching
from tests.support.redis_process import RedisProcess
from tests.support.stack import ADMIN_KEY, MODELS, ROOT, STOP_S, USER_KEY, Process, wait_until

pytestmark = pytest.mark.anyio
SHIPPED = ROOT / "compose"
LINES = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text("utf-8"), re.MULTILINE))
NGINX = Path(sys.executable).with_name("nginx")
WEBS, WORKERS = 2, 3
ASKED = 300
AT_ONCE = 24
UNSETTLED = ("queued", "in_progress")


@dataclass
class Topology:
    """A proxy's address, the ingresses behind it with their ports, and what watches them."""

    proxy: str
    webs: dict[int, Process]
    prometheus: Prometheus


@pytest.fixture(scope="module")
def topology(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Topology]:
    """Everything as an operator starts it, in production's own mode."""
    folder = tmp_path_factory.mktemp("topology")
    with (
        RedisProcess(configuration=SHIPPED / "redis" / "queue.conf") as queue,
        RedisProcess(configuration=SHIPPED / "redis" / "cache.conf") as cache,
    ):
        simulator_port, proxy_port = free_port(), free_port()
        environment = _environment(folder, queue, cache, simulator_port)
        simulator = [sys.executable, "-m", "simulator", "--port", str(simulator_port)]
        started = [_start(folder, "simulator", simulator, environment)]
        webs = {}
        for _ in range(WEBS):
            port = free_port()
            webs[port] = _from_procfile(folder, "web", {**environment, "PORT": str(port)})
        started += [_from_procfile(folder, "worker", environment) for _ in range(WORKERS)]
        started += [*webs.values(), _start(folder, "nginx", _proxy(folder, proxy_port, webs), environment)]
        try:
            for port, process in webs.items():
                wait_until(lambda port=port: _all_there(port), f"ingress {port} sees all", process)
            with watching(folder, [f"127.0.0.1:{port}" for port in webs]) as prometheus:
                yield Topology(f"http://127.0.0.1:{proxy_port}", webs, prometheus)
        finally:
            for process in reversed(started):
                if process.popen.poll() is None:
                    os.killpg(process.popen.pid, signal.SIGTERM)
            for process in reversed(started):
                process.popen.wait(STOP_S)


async def test_an_ingress_that_stops_behind_the_proxy_cuts_nobody_off(topology: Topology) -> None:
    """Told to stop while callers ask through the proxy, it leaves every one of them answered."""
    room = asyncio.Semaphore(AT_ONCE)
    half = asyncio.Event()
    headers = {"X-API-Key": USER_KEY}
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(
        base_url=topology.proxy, headers=headers, timeout=40, limits=limits
    ) as callers:

        async def ask(number: int) -> str:
            async with room:
                if number == ASKED // 2:
                    half.set()
                body = {"prompt": f"What is {number // 2} times seven?", "cache": {"mode": "exact"}}
                answer = await callers.post("/v1/query", json=body)
                where = answer.headers.get("Location")
                while answer.json()["status"] in UNSETTLED:
                    # Whoever waits at an ingress that stops is given the job's id, and reads it elsewhere;
                    # the proxy may lead there once more, to be sent away at once and to ask again.
                    answer = await callers.get(where, params={"wait": 20})
                return str(answer.json()["status"])

        asking = asyncio.gather(*(ask(number) for number in range(ASKED)))
        await half.wait()
        leaving = next(iter(topology.webs.values()))
        os.killpg(leaving.popen.pid, signal.SIGTERM)
        outcomes = await asking
    assert set(outcomes) == {"completed"}
    assert await asyncio.to_thread(leaving.popen.wait, STOP_S) == 0


def test_prometheus_sees_what_an_operator_needs(topology: Topology) -> None:
    """Both Redis servers are fit for their roles, three workers beat, and what was asked is counted."""
    port = list(topology.webs)[-1]
    found = httpx.get(f"http://127.0.0.1:{port}/readyz?verbose", timeout=10).json()
    findings = [*found["redis"]["queue"]["findings"], *found["redis"]["cache"]["findings"]]
    assert {one["status"] for one in findings} == {"ok"}
    for query in (
        f"max(sentinel_workers) == {WORKERS}",
        f'sum(sentinel_requests_total{{endpoint="/v1/query",status=~"20."}}) >= {ASKED}',
    ):
        wait_until(lambda query=query: topology.prometheus.ask(query) != [], query, within=20)


def _environment(
    folder: Path, queue: RedisProcess, cache: RedisProcess, simulator_port: int
) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SENTINEL_", "GROQ_", "JINA_"))}
    metrics = folder / "metrics"
    metrics.mkdir()
    return kept | {
        "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "SENTINEL_ENV": "production",
        "SENTINEL_REDIS_URL": queue.url,
        "SENTINEL_CACHE_REDIS_URL": cache.url,
        "SENTINEL_USER_KEYS": USER_KEY,
        "SENTINEL_ADMIN_KEYS": ADMIN_KEY,
        "SENTINEL_FINGERPRINT_SECRET": "secret-for-tests-of-the-topology",
        "SENTINEL_KEY_PEPPER": "pepper-for-tests-of-the-topology",
        "SENTINEL_MODEL_DIR": str(MODELS),
        "SENTINEL_RATE_CAPACITY": "100000",
        "SENTINEL_RATE_REFILL_PER_S": "10000",
        "GROQ_API_KEY": "provider-key-for-tests",
        "GROQ_BASE_URL": f"http://127.0.0.1:{simulator_port}",
    }


def _from_procfile(folder: Path, name: str, environment: Mapping[str, str]) -> Process:
    return _start(folder, name, ["sh", "-c", LINES[name]], environment)


def _start(folder: Path, name: str, command: list[str], environment: Mapping[str, str]) -> Process:
    log = folder / f"{name}-{len(list(folder.glob('*.log')))}.log"
    with log.open("wb") as stream:
        popen = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True
        )
    return Process(name, popen, log)


def _proxy(folder: Path, port: int, webs: Mapping[int, Process]) -> list[str]:
    """The shipped configuration with this machine's addresses, and without TLS."""
    assert NGINX.exists(), "run `make test`, which unpacks nginx"
    shipped = (SHIPPED / "nginx.conf").read_text("utf-8")
    servers = "\n".join(f"  server 127.0.0.1:{web} max_fails=1 fail_timeout=2s;" for web in webs)
    ours, changed = re.subn(r"  server ingress:8000[^\n]*", servers, shipped)
    ours, listened = re.subn(
        r"listen 443 ssl;\n  ssl_[^\n]+\n  ssl_[^\n]+", f"listen 127.0.0.1:{port};", ours
    )
    assert (changed, listened) == (1, 1)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/nginx-{kind};\n" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log stderr; user root;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ access_log off;\n{temporary}{ours}}}\n",
        "utf-8",
    )
    return [str(NGINX), "-c", str(configuration), "-e", "stderr"]


def _all_there(port: int) -> bool:
    try:
        found = httpx.get(f"http://127.0.0.1:{port}/readyz?verbose", timeout=2).json()
    except (httpx.HTTPError, ValueError):
        return False
    return found["status"] == "ok" and len(found["workers"]) == WORKERS
