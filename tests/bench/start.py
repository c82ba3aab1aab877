"""`make bench-start`: from submit to the first line of the job, ours beside stock arq.

Each worker is a process of its own on one Redis; the clock is the machine's monotonic one.
"""

import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec
from arq.connections import ArqRedis
from arq.jobs import Job
from redis.asyncio import Redis

from shared.jobs import JobQueue
from shared.redis import scripts
from shared.submissions import Submission
from tests.support.redis_process import RedisProcess
from tests.support.stack import ROOT

OURS, STOCK = 500, 40
KINDS = {"ours": OURS, "stock": STOCK}


@contextlib.contextmanager
def worker(kind: str, url: str) -> Iterator[None]:
    """Run one kind of worker until the block ends."""
    command = [sys.executable, "-m", "tests.bench.stamping_worker", kind, url]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield
    finally:
        process.terminate()
        process.wait()


async def ours(redis: Redis, number: int) -> float:
    """One job through our submit script; milliseconds until it ran."""
    payload = msgspec.msgpack.encode({"t": None, "f": "stamp", "a": (), "k": {}, "et": 1})
    submission = Submission(
        flight_id=f"n{number}",
        fingerprint=f"n{number}",
        payload=payload,
        priority="interactive",
        deadline_ms=60_000,
        depth_max=1000,
        record={},
    )
    sent = time.monotonic_ns()
    submitted = await JobQueue(redis).submit(submission, interest="polled:key", for_ms=60_000)
    return await stamped(redis, submitted.job_id, sent)


async def stock(redis: Redis, number: int) -> float:
    """One job through stock arq's enqueue; milliseconds until it ran."""
    del number
    client = ArqRedis(pool_or_conn=redis.connection_pool, job_serializer=msgspec.msgpack.encode)
    sent = time.monotonic_ns()
    job = await client.enqueue_job("stamp")
    assert job is not None
    return await stamped(redis, job.job_id, sent)


async def stamped(redis: Redis, job_id: str, sent: int) -> float:
    """Wait for the job's result, which is when it ran."""
    job = Job(job_id, redis, _deserializer=msgspec.msgpack.decode)
    ran: int = await job.result(timeout=10, poll_delay=0.005)
    await asyncio.sleep(0.003)
    return (ran - sent) / 1e6


async def measure(url: str, kind: str) -> list[float]:
    """Run one kind's jobs one after the other."""
    redis = Redis.from_url(url)
    await scripts.load_all(redis)
    one = {"ours": ours, "stock": stock}[kind]
    found = [await one(redis, number) for number in range(KINDS[kind])]
    await redis.aclose()
    return found


def main() -> None:
    """Measure both kinds on one Redis and print the ratio."""
    medians = {}
    with RedisProcess() as server:
        for kind in KINDS:
            with worker(kind, server.url):
                found = sorted(asyncio.run(measure(server.url, kind)))
            medians[kind] = statistics.median(found)
            p99 = found[int(0.99 * len(found))]
            print(
                f"{kind:6} enqueue to start: p50 {medians[kind]:8.2f} ms   p99 {p99:8.2f} ms   n={len(found)}"
            )
    print(f"stock arq / ours: {medians['stock'] / medians['ours']:.0f}x")


if __name__ == "__main__":
    main()
