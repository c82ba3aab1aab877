"""`make bench-queue`: our queue beside stock arq, SAQ, taskiq, and the floor of two blocking hops.

Every worker and every caller is a process of its own, every measurement has a fresh Redis, and rounds are
interleaved, because a shared machine's speed drifts. Medians over the rounds, with the least and the most.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.bench import environments
from tests.bench.processes import BenchProcess, ready
from tests.support.redis_process import RedisProcess

ROUNDS = 3
WARM_UP = 50
IDLE_S = 3.0
DRAIN_S = 60.0
FLEET = 4
SPEEDUPS = ("uvloop==0.23.0", "hiredis==3.5.0")


@dataclass(frozen=True)
class Contender:
    """One row: its module, its options, the packages that it needs, and how much it is given to do."""

    name: str
    module: str
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    trips: int = 400
    jobs: int = 800

    @property
    def python(self) -> Path:
        """The interpreter whose environment has this peer."""
        return environments.FOLDER / self.module / "bin" / "python" if self.packages else Path(sys.executable)

    def command(self, role: str, url: str) -> list[str]:
        """How to start its worker or its client."""
        return [str(self.python), "-m", f"tests.bench.peers.{self.module}", role, url, *self.options]


CONTENDERS = (
    Contender("floor", "floor", trips=1000, jobs=4000),
    Contender("ours", "ours", trips=1000, jobs=4000),
    Contender("arq at 5 ms", "stock_arq", ("0.005",), trips=150, jobs=600),
    Contender("arq at 10 ms", "stock_arq", ("0.01",), trips=150, jobs=600),
    Contender(
        "saq", "saq", packages=("saq[redis]==0.26.4", "redis==7.4.1", "typing-extensions==4.16.0", *SPEEDUPS)
    ),
    Contender(
        "taskiq", "taskiq", packages=("taskiq==0.13.0", "taskiq-redis==1.2.4", "redis==8.1.0", *SPEEDUPS)
    ),
)


@dataclass
class Figures:
    """What one contender did in one round."""

    p50_ms: float
    p99_ms: float
    commands: float
    idle_cpu: float
    idle_commands: float
    alone: float
    fleet: float


def install(contender: Contender) -> None:
    """Make a peer's environment, once; its packages are pinned by name and version."""
    if contender.packages:
        environments.install(contender.module, contender.packages)


def commands_so_far(server: RedisProcess) -> int:
    """How many commands this Redis has processed, those of scripts included."""
    with redis.Redis(unix_socket_path=str(server.socket)) as client:
        return int(client.info("stats")["total_commands_processed"])


def round_trips(contender: Contender) -> tuple[list[float], float, float, float]:
    """Return sorted latencies in ms, commands per trip, and the idle CPU in percent and commands/s."""
    with RedisProcess() as server:
        roles = ("worker", "client")
        with ready(*(contender.command(role, server.url) for role in roles)) as (worker, client):
            worker.say("go")
            client.ask(f"trips {WARM_UP}")
            before = commands_so_far(server)
            latencies = sorted(float(ms) for ms in client.ask(f"trips {contender.trips}").split())
            after, used_s = commands_so_far(server), worker.cpu_s()
            time.sleep(IDLE_S)
            idle_commands = (commands_so_far(server) - after) / IDLE_S
            idle_cpu = (worker.cpu_s() - used_s) / IDLE_S * 100
            return latencies, (after - before) / contender.trips, idle_cpu, idle_commands


def preloaded(contender: Contender, workers: int) -> float:
    """Jobs per second of a full queue, from the first job that ran to the last."""
    with RedisProcess() as server:
        with ready(contender.command("client", server.url)) as [client]:
            client.ask(f"load {contender.jobs}")
        with ready(*[contender.command("worker", server.url)] * workers) as fleet:
            for worker in fleet:
                worker.say("go")
            return drained(fleet, contender.jobs)


def drained(workers: Sequence[BenchProcess], jobs: int) -> float:
    """Count dots until every job ran; their rate per second."""
    seen = first = 0
    started = deadline = time.perf_counter() + DRAIN_S
    while seen < jobs:
        # Rarely, so that counting costs the workers nothing.
        time.sleep(0.005)
        now = time.perf_counter()
        assert now < deadline, f"{seen} of {jobs} jobs ran"
        seen += sum(worker.dots() for worker in workers)
        if seen and not first:
            first, started = seen, now
    return (seen - first) / (time.perf_counter() - started)


def measure(contender: Contender) -> Figures:
    """Measure one contender once."""
    latencies, commands, idle_cpu, idle_commands = round_trips(contender)
    return Figures(
        p50_ms=statistics.median(latencies),
        p99_ms=latencies[int(0.99 * len(latencies))],
        commands=commands,
        idle_cpu=idle_cpu,
        idle_commands=idle_commands,
        alone=preloaded(contender, 1),
        fleet=preloaded(contender, FLEET),
    )


def spread(runs: Sequence[Figures], read: Callable[[Figures], float], digits: int) -> str:
    """Median, least and most."""
    values = [read(run) for run in runs]
    return f"{statistics.median(values):.{digits}f} [{min(values):.{digits}f}-{max(values):.{digits}f}]"


def show(found: dict[str, list[Figures]]) -> None:
    """Print the table and the ratios."""
    print(
        f"{'':13}{'round trip p50 ms':>21}{'p99 ms':>21}{'of floor':>9}{'jobs/s, 1 worker':>20}"
        f"{f'jobs/s, {FLEET} workers':>20}{'cmds/trip':>10}{'idle CPU %':>11}{'idle cmds/s':>12}"
    )
    for name, runs in found.items():
        ratios = [run.p50_ms / floor.p50_ms for run, floor in zip(runs, found["floor"], strict=True)]
        print(
            f"{name:13}{spread(runs, lambda r: r.p50_ms, 2):>21}{spread(runs, lambda r: r.p99_ms, 1):>21}"
            f"{statistics.median(ratios):9.2f}{spread(runs, lambda r: r.alone, 0):>20}"
            f"{spread(runs, lambda r: r.fleet, 0):>20}{statistics.median(r.commands for r in runs):10.1f}"
            f"{statistics.median(r.idle_cpu for r in runs):11.2f}"
            f"{statistics.median(r.idle_commands for r in runs):12.1f}"
        )
    for name in [name for name in found if name not in {"floor", "ours"}]:
        pairs = list(zip(found["ours"], found[name], strict=True))
        print(
            f"ours beside {name:13}"
            f" round trip {statistics.median(b.p50_ms / a.p50_ms for a, b in pairs):5.1f}x"
            f"   1 worker {statistics.median(a.alone / b.alone for a, b in pairs):5.1f}x"
            f"   {FLEET} workers {statistics.median(a.fleet / b.fleet for a, b in pairs):5.1f}x"
        )


def main() -> None:
    """Install the peers, measure everything in turn, print."""
    for contender in CONTENDERS:
        install(contender)
    found: dict[str, list[Figures]] = defaultdict(list)
    for _ in range(ROUNDS):
        for contender in CONTENDERS:
            found[contender.name].append(measure(contender))
    show(found)


if __name__ == "__main__":
    main()
