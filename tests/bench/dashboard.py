"""How long pages of the dashboard take, and how many Redis commands, by the length of the history."""

import argparse
import asyncio
import math
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from ingress.dashboard.signing_in import COOKIE
from shared.jobs import JobQueue
from shared.redis import keys
from shared.sessions import Sessions
from shared.settlements import Hit, Settlement, Settling
from tests.support.jobs import settlement, submission
from tests.support.stack import Stack, running

BATCH = 64
RARE = 10_000
"""One job in so many failed with an error of its own."""
ROUNDS = 100
WATCHED = 20
OVER = "watched-until-here"


async def fill(url: str, start: int, stop: int) -> None:
    """Run jobs through the queue's own scripts: submitted, claimed, settled."""
    async with Redis.from_url(url) as redis:
        jobs = JobQueue(redis)
        for first in range(start, stop, BATCH):
            numbers = range(first, min(first + BATCH, stop))
            await asyncio.gather(*(_submit(jobs, number) for number in numbers))
            _, claimed = await jobs.claim("bench", lease_ms=60_000, count=len(numbers))
            settled = [
                Settling(one.job_id, one.token, _settlement(number))
                for one, number in zip(claimed, numbers, strict=True)
            ]
            await jobs.settle_all("bench", settled)


async def _submit(jobs: JobQueue, number: int) -> None:
    record = {
        "tenant": f"tenant-{number % 7}",
        "model": f"model-{number % 3}",
        "metadata": "{}",
        "key_id": "k",
    }
    job = msgspec.structs.replace(submission(f"{number:064x}", depth_max=10_000), record=record)
    await jobs.submit(job, interest="polled:k", for_ms=60_000)


def _settlement(number: int) -> Settlement:
    rare, failed = number % RARE == 0, number % 50 == 0
    hits: tuple[Hit, ...] = ("miss", "miss", "semantic")
    return msgspec.structs.replace(
        settlement("failed" if failed or rare else "completed"),
        keep_ms=600_000,
        hit="" if failed or rare else hits[number % 3],
        error="rare" if rare else "upstream_timeout" if failed else "",
        history_jobs=200_000,
    )


def session(url: str) -> str:
    """Sign in."""

    async def begin() -> str:
        async with Redis.from_url(url) as redis:
            return (await Sessions(redis, lives_s=3600).begin("admin", "bench")).token

    return asyncio.run(begin())


def measure(http: httpx.Client, redis: BlockingRedis, path: str) -> str:
    """Milliseconds in the median and at p95; Redis commands a page, sent and run by scripts."""

    def get() -> None:
        http.get(path).raise_for_status()

    def get_some() -> None:
        for _ in range(WATCHED):
            get()

    idle = _watched(redis, lambda: time.sleep(1))
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        get()
        spent.append((time.perf_counter() - started) * 1000)
    began = time.perf_counter()
    seen = _watched(redis, get_some)
    took_s = time.perf_counter() - began
    sent, scripted = (max(0.0, (seen[n] - idle[n] * took_s) / WATCHED) for n in (0, 1))
    p95 = sorted(spent)[math.ceil(0.95 * ROUNDS) - 1]
    times = f"p50 {statistics.median(spent):5.1f} ms  p95 {p95:5.1f} ms"
    return f"{times}  {sent:4.1f} commands, {scripted:6.1f} in scripts"


def _watched(redis: BlockingRedis, work: Callable[[], object]) -> tuple[int, int]:
    """What Redis does during some work: commands that clients sent, and those that scripts ran."""
    sent = scripted = 0
    with redis.monitor() as monitor:  # type: ignore[no-untyped-call]
        working = threading.Thread(target=lambda: (work(), redis.echo(OVER)))
        working.start()
        for seen in monitor.listen():
            if OVER in seen["command"]:
                break
            scripted += seen["client_type"] == "lua"
            sent += seen["client_type"] != "lua"
        working.join()
    return sent, scripted


def pages(deep: str) -> Sequence[tuple[str, str]]:
    """What is measured."""
    return (
        ("overview", "/dashboard"),
        ("jobs, first page", "/dashboard/jobs"),
        ("jobs, far back", f"/dashboard/jobs?after={deep}"),
        ("jobs, one model", "/dashboard/jobs?model=model-1"),
        ("jobs, a rare error", "/dashboard/jobs?error=rare"),
        ("jobs, model and tenant", "/dashboard/jobs?model=model-1&tenant=tenant-3&hit=miss"),
        ("jobs, none fits", "/dashboard/jobs?model=model-1&hit=semantic&state=failed"),
        ("audit", "/dashboard/audit"),
    )


def report(stack: Stack, token: str, count: int) -> None:
    """Measure every page at this length of history."""
    with BlockingRedis.from_url(stack.queue.url) as redis:
        oldest: Any = redis.xrange(keys.history(), count=60)
        deep = f"{oldest[-1][0].decode()}@0"
        headers = {"Cookie": f"{COOKIE}={token}"}
        with httpx.Client(base_url=stack.urls[0], headers=headers, timeout=30) as http:
            for name, path in pages(deep):
                http.get(path)
                print(f"{count:>7} jobs  {name:24} {measure(http, redis, path)}", flush=True)


def main() -> None:
    """Fill, measure, fill more, measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers=0) as stack:
        token, done = session(stack.queue.url), 0
        for count in (1_000, given.jobs):
            asyncio.run(fill(stack.queue.url, done, count))
            done = count
            report(stack, token, count)


if __name__ == "__main__":
    main()
