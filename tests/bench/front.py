"""`make bench-front`: what callers meet, beside a bare handler on the same server and LiteLLM with a cache.

The measured server has one processor to itself; whoever calls it, Redis and the simulator share another.
Rounds are interleaved, because a shared machine's speed drifts, and ratios are of the same round.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from shared.cli.ports import free_port
from tests.bench import litellm
from tests.bench.load import Measured, countdown, request, run
from tests.bench.rows import Row, spread
from tests.support.stack import ROOT, USER_KEY, Stack, build_model, running, wait_until

ROUNDS = 3
CONNECTIONS = (1, 8, 32, 128)
QUESTION = "What is the capital of France?"
PARAPHRASE = "Tell me the capital city of France"
UPSTREAM_MODEL = "openai/gpt-oss-20b"
PLENTY: dict[str, Any] = {
    "SENTINEL_RATE_CAPACITY": "1000000000",
    "SENTINEL_RATE_REFILL_PER_S": "100000000",
    # A machine that is busy otherwise shall cost time, and not answers.
    "SENTINEL_REDIS_TIMEOUT_S": "10",
}


@dataclass(frozen=True)
class Side:
    """One contender: where it listens, what it is sent and how often by so many connections, what it says."""

    name: str
    port: int
    make: Callable[[int], bytes]
    counts: dict[int, int]
    check: bytes = b"200 OK"
    pid: int = 0

    def measure(self, connections: int) -> "Run":
        """Run it once."""
        count, before_s = self.counts[connections], used_s(self.pid)
        requests = countdown(count, self.make)
        measured = uvloop.run(run(self.port, requests, connections=connections, check=self.check))
        return Run(measured, (used_s(self.pid) - before_s) / count * 1e6)


class Run(NamedTuple):
    """One measurement: latencies, and the processor microseconds that the server spent on a request."""

    measured: Measured
    cpu_us: float


def used_s(pid: int) -> float:
    """Processor seconds that a process has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def query(prompt: str, **body: object) -> bytes:
    """A question as bytes."""
    headers = {"X-API-Key": USER_KEY, "Content-Type": "application/json"}
    return request("POST", "/v1/query", headers, json.dumps({"prompt": prompt, **body}).encode())


def chat(prompt: str, model: str, key: str, path: str = "/v1/chat/completions") -> bytes:
    """The same as OpenAI's clients ask it."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    return request("POST", path, headers, json.dumps(body).encode())


def same(data: bytes) -> Callable[[int], bytes]:
    """The same bytes every time."""
    return lambda _: data


def named(data: bytes, number: int) -> bytes:
    """The same request with an id of its own: its bytes are no others'."""
    return data.replace(b"\r\n", b"\r\nX-Request-ID: call-%d\r\n" % number, 1)


def unheard(number: int) -> str:
    """A question that nobody has asked before, near to all that were: what is stored has to be refused."""
    return f"What is in section {number} of the manual?"


def reworded(numbers: Iterator[int]) -> Callable[[int], bytes]:
    """A paraphrase of its own for each: blanks change the fingerprint and not the meaning."""

    def make(_: int) -> bytes:
        bits = format(next(numbers), "b").replace("0", " ").replace("1", "  ")
        return query(f"{PARAPHRASE}{bits}?")

    return make


@contextlib.contextmanager
def sides() -> Iterator[list[Side]]:
    """Start everything; every side has answered once."""
    build_model()
    litellm.install()
    pin([os.getpid()], 1)
    with contextlib.ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        stack = opened.enter_context(running(folder, workers=1, **PLENTY))
        stack.add_ingress(SENTINEL_HIT_LEASE_S="0.25")
        popen, peer = opened.enter_context(litellm.running(folder, stack.simulator, UPSTREAM_MODEL))
        bare = opened.enter_context(_bare())
        pin([popen.pid, bare[0], *(process.popen.pid for process in stack.named("ingress"))], 0)
        with stack.client() as client:
            client.post("/v1/query", json={"prompt": QUESTION}).raise_for_status()
        yield _sides(stack, bare, (popen.pid, peer))


def _sides(stack: Stack, bare: tuple[int, int], peer: tuple[int, int]) -> list[Side]:
    asked, leased = (int(url.rpartition(":")[2]) for url in stack.urls)
    pids = [process.popen.pid for process in stack.named("ingress")]
    upstream = stack.named("simulator")[0].popen.pid
    simulator = int(stack.simulator.rpartition(":")[2])
    numbers = itertools.count(1)
    hit, exact = query(QUESTION), b"detail=EXACT"
    direct = "/openai/v1/chat/completions"
    return [
        Side(
            "bare ASGI",
            bare[1],
            same(request("GET", "/", {})),
            {1: 2_000, 32: 16_000, 128: 16_000},
            pid=bare[0],
        ),
        Side("exact hit", asked, same(hit), {1: 1_000, 32: 16_000, 128: 16_000}, exact, pids[0]),
        Side("exact hit, leased", leased, same(hit), {1: 1_000, 32: 16_000, 128: 16_000}, exact, pids[1]),
        Side(
            *("exact hit, leased, own ids", leased, lambda number: named(hit, number)),
            *({1: 1_000, 32: 16_000, 128: 16_000}, exact, pids[1]),
        ),
        Side("semantic hit", asked, reworded(numbers), {1: 60, 32: 200}, b"detail=SEMANTIC", pids[0]),
        Side(
            *("the provider alone", simulator),
            lambda _: chat(f"{next(numbers)}?", UPSTREAM_MODEL, "provider-key-for-tests", direct),
            {1: 200, 8: 400, 32: 200},
            pid=upstream,
        ),
        Side(
            *("miss, exact mode", asked, lambda _: query(unheard(next(numbers)), cache={"mode": "exact"})),
            *({1: 200, 8: 400, 32: 200}, b"fwd=miss", pids[0]),
        ),
        Side(
            "miss",
            asked,
            lambda _: query(unheard(next(numbers))),
            {1: 200, 8: 400, 32: 200},
            b"fwd=miss",
            pids[0],
        ),
        Side(
            *("LiteLLM, cache hit", peer[1], same(chat(QUESTION, litellm.MODEL, litellm.KEY))),
            {1: 40, 32: 100, 128: 128},
            pid=peer[0],
        ),
    ]


@contextlib.contextmanager
def _bare() -> Iterator[tuple[int, int]]:
    port = free_port()
    popen = subprocess.Popen([sys.executable, "-m", "tests.bench.bare", str(port)], cwd=ROOT)
    try:
        hello = request("GET", "/", {})
        wait_until(lambda: answers(port, hello), "the bare handler is up")
        yield popen.pid, port
    finally:
        popen.terminate()
        popen.wait()


def answers(port: int, hello: bytes) -> bool:
    """Whether somebody serves there."""
    try:
        uvloop.run(run(port, countdown(1, same(hello)), connections=1))
    except OSError:
        return False
    return True


def pin(pids: Sequence[int], number: int) -> None:
    """Keep processes on one processor, where there are several."""
    free = sorted(os.sched_getaffinity(0) | {0, 1}) if (os.cpu_count() or 1) > 1 else []
    for pid in pids if free else []:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {free[number]})


def measure() -> list[Row]:
    """Measure every side at every number of connections in turn."""
    found: dict[tuple[str, int], list[Run]] = defaultdict(list)
    with sides() as contenders:
        for side in contenders:
            side.measure(min(side.counts))  # warm
        for _ in range(ROUNDS):
            for connections in CONNECTIONS:
                for side in contenders:
                    if connections in side.counts:
                        found[side.name, connections].append(side.measure(connections))
    return [_row(name, connections, found) for name, connections in sorted(found, key=lambda k: k[1])]


def _row(name: str, connections: int, found: dict[tuple[str, int], list[Run]]) -> Row:
    runs, of = found[name, connections], {}
    for other in ("bare ASGI", "LiteLLM, cache hit"):
        pairs = list(zip(runs, found.get((other, connections), ()), strict=False))
        if other != name and pairs and name.startswith(("exact", "LiteLLM")):
            of[f"requests/s of {other}"] = [a.measured.rate / b.measured.rate for a, b in pairs]
            of[f"p99 of {other}"] = [_p99(a) / _p99(b) for a, b in pairs]
            of[f"per CPU second of {other}"] = [b.cpu_us / a.cpu_us for a, b in pairs if a.cpu_us]
    if name.startswith("miss"):
        pairs = list(zip(runs, found["the provider alone", connections], strict=True))
        of["ms beyond the provider, p50"] = [
            a.measured.percentile(0.5) - b.measured.percentile(0.5) for a, b in pairs
        ]
        of["ms beyond the provider, p99"] = [_p99(a) - _p99(b) for a, b in pairs]
    return Row(
        what=name,
        load=f"{connections} connections",
        figures={
            "requests/s": [run.measured.rate for run in runs],
            "p50 ms": [run.measured.percentile(0.5) for run in runs],
            "p99 ms": [_p99(run) for run in runs],
            "CPU us": [run.cpu_us for run in runs],
        },
        of=of,
    )


def _p99(run: Run) -> float:
    return run.measured.percentile(0.99)


def main() -> None:
    """Measure and print."""
    for row in measure():
        told = {**row.figures, **row.of}
        print(f"{row.load:16}{row.what:22}" + "  ".join(f"{k} {spread(v)}" for k, v in told.items()))


if __name__ == "__main__":
    main()
