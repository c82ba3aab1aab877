"""Simulations without latency: one spoken to without a network, and real processes."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from simulator.app import Application
from simulator.settings import Settings
from simulator.simulation import Simulation

Launch = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


@pytest.fixture
def anyio_backend() -> str:
    """Run coroutine tests on asyncio alone."""
    return "asyncio"


@pytest.fixture
def simulation() -> Simulation:
    """Give a simulation that neither waits nor paces, at a known time."""
    return Simulation(Settings(latency_ms=0, tokens_per_second=0), clock=lambda: 1_000.0)


@pytest.fixture
async def client(simulation: Simulation, anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of that simulation, with a key."""
    transport = httpx.ASGITransport(Application(simulation))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://simulator", headers={"authorization": "Bearer test-key"}
    ) as client:
        yield client


@pytest.fixture(scope="session")
def launch() -> Iterator[Launch]:
    """Give a function that starts a process and reads its ready line; none is left behind."""
    started = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        command = [sys.executable, "-m", "simulator", "--port", "0", "--latency-ms", "0", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=10)


@pytest.fixture(scope="session")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the file that the shared process writes."""
    return tmp_path_factory.mktemp("simulator") / "calls.jsonl"


@pytest.fixture(scope="session")
def url(launch: Launch, log: Path) -> Iterator[str]:
    """Give the address of a shared process, which ends cleanly and silently afterwards."""
    process, ready = launch("--log", str(log))
    yield ready["url"]
    process.terminate()
    assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """Give a client of that process, without a script or counted calls."""
    with httpx.Client(base_url=url, headers={"authorization": "Bearer test-key"}, timeout=10) as client:
        client.delete("/_simulator/script")
        client.delete("/_simulator/calls")
        yield client
