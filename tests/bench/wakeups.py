"""No wake-up is lost: `python -m tests.bench.wakeups --count 100000`.

Jobs come one by one and in small bursts, with pauses that hit the workers in every phase. The nets below the
wake-ups are cut: this caller never re-reads, and the workers scan the queue only every half minute, so that a
job whose bell or announcement went missing is late and counted. The workers' waits for the bell are short, so
that their ends meet new jobs often.
"""

import argparse
import asyncio
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import uvloop

from ingress.hub import WaiterHub
from tests.bench.peers import ours
from tests.bench.processes import BenchProcess, ready
from tests.support.redis_process import RedisProcess

WORKERS = 2
SCAN_EVERY_S, BELL_WAIT_S = 30.0, 0.02
IN_TIME_S = 0.5
GIVE_UP_S = 40.0
BURST_MAX = 8
PAUSE_MAX_S = 0.004


class Deaf(WaiterHub):
    """A hub that hears announcements and never re-reads."""

    async def _recheck(self) -> None:
        return


@dataclass
class Tally:
    """What became of the jobs; latencies in milliseconds, of those that were announced in time."""

    latencies: list[float] = field(default_factory=list)
    late: int = 0
    unannounced: int = 0
    unsettled: int = 0

    def show(self) -> None:
        """Print the counts."""
        ordered = sorted(self.latencies)
        print(
            f"{len(ordered)} announced within {IN_TIME_S:.1f} s"
            f" (p50 {ordered[len(ordered) // 2]:.2f} ms, p99 {ordered[int(0.99 * len(ordered))]:.2f} ms,"
            f" most {ordered[-1]:.1f} ms), {self.late} later, {self.unannounced} settled but never announced,"
            f" {self.unsettled} never settled"
        )


async def one(caller: ours.Caller, tally: Tally) -> None:
    """Submit a job and see how its result comes."""
    started = time.perf_counter()
    submitted = await caller.submit(caller.hub.new_interest())
    if await caller.result(submitted.job_id, IN_TIME_S) is not None:
        tally.latencies.append((time.perf_counter() - started) * 1000)
    elif await caller.result(submitted.job_id, GIVE_UP_S) is not None:
        tally.late += 1
    elif (await caller.jobs.outcomes([submitted.job_id]))[0] is not None:
        tally.unannounced += 1
    else:
        tally.unsettled += 1


async def submit_all(url: str, count: int, workers: Sequence[BenchProcess]) -> Tally:
    """Submit `count` jobs, alone as often as in bursts."""
    tally, left = Tally(), count
    async with ours.client(url, Deaf) as caller:
        while left:
            burst = min(left, random.choice((1, random.randint(2, BURST_MAX))))
            await asyncio.gather(*(one(caller, tally) for _ in range(burst)))
            left -= burst
            if random.random() < 0.5:
                await asyncio.sleep(random.uniform(0, PAUSE_MAX_S))
            for worker in workers:
                # What is not read would fill the pipe and stop the worker.
                worker.dots()
    return tally


def main() -> None:
    """Run the workers and the caller, print the counts; fail when a job was not announced in time."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=20_000)
    count: int = arguments.parse_args().count
    with RedisProcess() as server:
        options = (str(SCAN_EVERY_S), str(BELL_WAIT_S))
        command = [sys.executable, "-m", "tests.bench.peers.ours", "worker", server.url, *options]
        with ready(*[command] * WORKERS) as workers:
            for worker in workers:
                worker.say("go")
            tally = uvloop.run(submit_all(server.url, count, workers))
    tally.show()
    sys.exit(int(len(tally.latencies) < count))


if __name__ == "__main__":
    main()
