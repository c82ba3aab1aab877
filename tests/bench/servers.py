"""The server under the ingress: the same bare handler on uvicorn and on granian, one process each."""

import contextlib
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import uvloop

from shared.cli.ports import free_port
from tests.bench import environments
from tests.bench.front import answers, pin
from tests.bench.load import Measured, countdown, request, run
from tests.bench.rows import Row
from tests.support.stack import ROOT, wait_until

ROUNDS: Final = 5
COUNT: Final = 10_000
CONNECTIONS: Final = (32, 128)
GRANIAN: Final = environments.FOLDER / "granian"
PACKAGES: Final = ("granian==2.8.7", "uvloop==0.23.0", "uvicorn==0.54.0", "httptools==0.9.0")
HELLO: Final = request("GET", "/", {})


def measure() -> list[Row]:
    """Measure both in turn."""
    environments.install("granian", PACKAGES)
    found: dict[tuple[str, int], list[Measured]] = defaultdict(list)
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(_running(command)) for name, command in _commands().items()}
        for _ in range(ROUNDS):
            for connections in CONNECTIONS:
                for name, port in ports.items():
                    requests = countdown(COUNT, lambda _: HELLO)
                    found[name, connections].append(uvloop.run(run(port, requests, connections=connections)))
    return [_row(name, connections, found) for name, connections in found]


def _commands() -> dict[str, list[str]]:
    granian = [str(GRANIAN / "bin" / "granian"), "tests.bench.bare:hello", "--interface", "asginl"]
    granian += [
        "--loop",
        "uvloop",
        "--host",
        "127.0.0.1",
        "--no-access-log",
        "--log-level",
        "error",
        "--port",
    ]
    return {"uvicorn": [sys.executable, "-m", "tests.bench.bare"], "granian": granian}


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[int]:
    port = free_port()
    popen = subprocess.Popen([*command, str(port)], cwd=ROOT)
    try:
        wait_until(lambda: answers(port, HELLO), f"{command[0]} is up")
        # Granian serves in a child.
        children = Path(f"/proc/{popen.pid}/task/{popen.pid}/children").read_text("ascii").split()
        pin([popen.pid, *map(int, children)], 0)
        pin([os.getpid()], 1)
        yield port
    finally:
        popen.terminate()
        popen.wait()


def _row(name: str, connections: int, found: dict[tuple[str, int], list[Measured]]) -> Row:
    runs, theirs = found[name, connections], found["uvicorn", connections]
    return Row(
        what=name,
        load=f"{connections} connections",
        figures={
            "requests/s": [run.rate for run in runs],
            "p99 ms": [run.percentile(0.99) for run in runs],
        },
        of={"requests/s of uvicorn": [a.rate / b.rate for a, b in zip(runs, theirs, strict=True)]},
    )
