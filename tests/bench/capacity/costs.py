"""Unit costs: processor microseconds that one request of a kind takes in each kind of process.

`python -m tests.bench.capacity.costs` measures them again into docs/capacity.json. Processor time depends
little on what else the machine does, which is why capacity is thought in it and not in seconds.
"""

import itertools
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import redis
import uvloop
from msgspec import Struct

from tests.bench.front import PARAPHRASE, PLENTY, QUESTION, pin, query, reworded, same, used_s
from tests.bench.load import Measured, countdown, run
from tests.support.redis_process import RedisProcess
from tests.support.stack import ROOT, Stack, build_model, running

FILE: Final = ROOT / "docs" / "capacity.json"
CONNECTIONS: Final = 32
TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
KINDS: Final = ("exact", "leased", "semantic", "miss, exact mode", "miss")


class Cost(Struct, frozen=True, kw_only=True):
    """Microseconds of one request; `caller` is the load generator's, which shares the machine.

    `others` is the share of the machine that went to whatever else ran on it meanwhile, from 0 to 1.
    """

    ingress: float
    queue: float
    cache: float
    worker: float
    caller: float
    provider: float
    others: float
    requests_per_s: float


def load() -> dict[str, Cost]:
    """What was measured last, by kind."""
    return msgspec.json.decode(FILE.read_bytes(), type=dict[str, Cost])


def pid_of(server: RedisProcess) -> int:
    """The process of a Redis."""
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        return int(client.info("server")["process_id"])


def measure() -> dict[str, Cost]:
    """Measure every kind once, on a cache Redis of its own."""
    build_model()
    plenty: dict[str, Any] = PLENTY
    with (
        tempfile.TemporaryDirectory() as folder,
        RedisProcess() as cache,
        running(Path(folder), workers=1, cache=cache, **plenty) as stack,
    ):
        stack.add_ingress(SENTINEL_HIT_LEASE_S="0.25")
        pin([os.getpid(), pid_of(cache), pid_of(stack.queue), *(p.popen.pid for p in stack.processes)], 1)
        pin([process.popen.pid for process in stack.named("ingress")], 0)
        with stack.client() as client:
            client.post("/v1/query", json={"prompt": QUESTION}).raise_for_status()
            client.post("/v1/query", json={"prompt": PARAPHRASE}).raise_for_status()
        numbers = itertools.count(1)
        made: dict[str, tuple[Callable[[int], bytes], int, int]] = {
            "exact": (same(query(QUESTION)), 20_000, 0),
            "leased": (same(query(QUESTION)), 20_000, 1),
            "semantic": (reworded(numbers), 600, 0),
            "miss, exact mode": (lambda _: query(f"{next(numbers)}?", cache={"mode": "exact"}), 600, 0),
            "miss": (lambda _: query(f"Why {next(numbers)}?"), 600, 0),
        }
        return {kind: _measure(stack, cache, *made[kind]) for kind in KINDS}


def _measure(
    stack: Stack, cache: RedisProcess, make: Callable[[int], bytes], count: int, ingress: int
) -> Cost:
    pids = {
        "ingress": stack.named("ingress")[ingress].popen.pid,
        "worker": stack.named("worker")[0].popen.pid,
        "queue": pid_of(stack.queue),
        "cache": pid_of(cache),
        "caller": os.getpid(),
        "provider": stack.named("simulator")[0].popen.pid,
    }
    before = {name: used_s(pid) for name, pid in pids.items()}
    machine = _machine_s()
    port = int(stack.urls[ingress].rpartition(":")[2])
    found: Measured = uvloop.run(run(port, countdown(count, make), connections=CONNECTIONS))
    spent = {name: (used_s(pid) - before[name]) / count * 1e6 for name, pid in pids.items()}
    busy_s, all_s = (after - start for after, start in zip(_machine_s(), machine, strict=True))
    others = max(0.0, busy_s - sum(spent.values()) * count / 1e6) / all_s
    return Cost(**spent, others=others, requests_per_s=found.rate)


def _machine_s() -> tuple[float, float]:
    """Seconds that all processors together were busy, and that passed for all of them together."""
    ticks = [int(field) for field in Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / TICKS_PER_S, sum(ticks) / TICKS_PER_S


def main() -> None:
    """Measure, keep, print."""
    costs = measure()
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=1) + b"\n")
    for kind, cost in costs.items():
        print(f"{kind:18}", cost)


if __name__ == "__main__":
    main()
