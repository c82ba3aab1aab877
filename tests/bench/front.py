"""`make bench-front`: exact and semantic hits through the real processes, beside a bare handler.

Prints p50 and p99 in milliseconds, requests per second, and the ratio to the bare handler of the same round.
Rounds are interleaved, because a shared machine's speed drifts.
"""

import asyncio
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import uvloop

from shared.cli.ports import free_port
from tests.bench.load import Measured, countdown, request, run
from tests.support.stack import ROOT, USER_KEY, Stack, build_model, running, wait_until

ROUNDS = 5
CONCURRENCIES = (1, 32)
COUNTS = {"bare": {1: 2000, 32: 20_000}, "exact": {1: 1000, 32: 4000}, "semantic": {1: 200, 32: 1000}}
QUESTION = "What is the capital of France?"
PARAPHRASE = "Tell me the capital city of France"


def query(prompt: str) -> bytes:
    """A question as bytes."""
    headers = {"X-API-Key": USER_KEY, "Content-Type": "application/json"}
    return request("POST", "/v1/query", headers, json.dumps({"prompt": prompt}).encode())


class Bench:
    """The three kinds of request, on two ports."""

    def __init__(self, stack: Stack, bare_port: int) -> None:
        self._product = int(stack.urls[0].rpartition(":")[2])
        self._bare = bare_port
        self._numbers = itertools.count(1)

    async def measure(self, kind: str, connections: int) -> Measured:
        """Run one kind at one concurrency."""
        count = COUNTS[kind][connections]
        if kind == "bare":
            hello = request("GET", "/", {})
            return await run(self._bare, countdown(count, lambda _: hello), connections=connections)
        if kind == "exact":
            same = query(QUESTION)
            return await run(
                self._product,
                countdown(count, lambda _: same),
                connections=connections,
                check=b"detail=EXACT",
            )
        return await run(
            self._product,
            countdown(count, lambda _: query(self._reworded())),
            connections=connections,
            check=b"detail=SEMANTIC",
        )

    def _reworded(self) -> str:
        # Blanks change the fingerprint and not the meaning: every one goes to a worker, none is exact.
        bits = format(next(self._numbers), "b").replace("0", " ").replace("1", "  ")
        return f"{PARAPHRASE}{bits}?"


async def rounds(bench: Bench) -> dict[tuple[str, int], list[Measured]]:
    """Measure everything several times, in turn."""
    found: dict[tuple[str, int], list[Measured]] = defaultdict(list)
    for _ in range(ROUNDS):
        for connections in CONCURRENCIES:
            for kind in COUNTS:
                found[kind, connections].append(await bench.measure(kind, connections))
    return found


def show(found: dict[tuple[str, int], list[Measured]]) -> None:
    """Print the medians over the rounds."""
    print(f"{'':10}{'connections':>12}{'p50 ms':>9}{'p99 ms':>9}{'per s':>9}{'of bare':>9}")
    for connections in CONCURRENCIES:
        for kind in COUNTS:
            runs = found[kind, connections]
            ratios = [a.rate / b.rate for a, b in zip(runs, found["bare", connections], strict=True)]
            print(
                f"{kind:10}{connections:12}"
                f"{statistics.median(r.percentile(0.5) for r in runs):9.2f}"
                f"{statistics.median(r.percentile(0.99) for r in runs):9.2f}"
                f"{statistics.median(r.rate for r in runs):9.0f}"
                f"{statistics.median(ratios):9.3f}"
            )


def main() -> None:
    """Start both sides, measure, print."""
    build_model()
    port = free_port()
    bare = subprocess.Popen([sys.executable, "-m", "tests.bench.bare", str(port)], cwd=ROOT)
    try:
        with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers=1) as stack:
            with stack.client() as client:
                wait_until(lambda: client.get(f"http://127.0.0.1:{port}/").status_code == 200, "bare is up")
                client.post("/v1/query", json={"prompt": QUESTION}).raise_for_status()
            show(uvloop.run(rounds(Bench(stack, port))))
            assert len(stack.calls()) == 1, "a measured request called the provider"
    finally:
        bare.terminate()
        bare.wait()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(None)
    main()
