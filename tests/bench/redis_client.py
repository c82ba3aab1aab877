"""`python -m tests.bench.redis_client`: our ways to Redis beside redis-py's, command by command.

All are in this process and on one server, and take turns, because a shared machine's speed drifts. Processor
time is this process's own: the server's is not in it. Medians over the rounds, and in brackets the ratio to
redis-py in the same round.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import uvloop
from msgspec import Struct
from redis.asyncio import BlockingConnectionPool, Redis

from shared.redis import connect
from shared.redis.connection_pool import FairPool
from shared.redis.multiplex import Multiplex
from shared.redis.protocol import Command
from shared.settings import Settings
from tests.support.redis_process import RedisProcess

ROUNDS = 9
OPERATIONS = 3_000
CONCURRENCY = (1, 32, 256)
SCRIPT = "return redis.call('HGET', KEYS[1], ARGV[1])"
GET: Command = ("GET", "sentinel:k")

Execute = Callable[[Sequence[Command]], Awaitable[Any]]


class Speed(Struct, frozen=True):
    """What one way did in one round: operations per second, and processor microseconds for each."""

    per_s: float
    cpu_us: float


def through(client: Redis) -> Execute:
    """A pooled client, with a pipeline where there is more than one command."""

    async def execute(commands: Sequence[Command]) -> Any:
        if len(commands) == 1:
            return await client.execute_command(*commands[0])  # type: ignore[no-untyped-call]
        pipe = client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return await pipe.execute()

    return execute


def sharing(shared: Multiplex) -> Execute:
    """One connection for all callers."""

    async def execute(commands: Sequence[Command]) -> Any:
        return await shared.execute(*commands)

    return execute


def ways(pool: FairPool, url: str, stack: AsyncExitStack) -> dict[str, Execute]:
    """All there are, with the same options."""
    theirs: BlockingConnectionPool = BlockingConnectionPool.from_url(
        url, max_connections=pool.max_connections, timeout=pool.timeout, **pool.connection_kwargs
    )
    clients = {"redis-py": Redis.from_pool(theirs), "ours": Redis.from_pool(pool)}
    shared = Multiplex(pool, timeout_s=pool.timeout, calls_max=10_000)
    for close in (*(client.aclose for client in clients.values()), shared.aclose):
        stack.push_async_callback(close)
    return {name: through(client) for name, client in clients.items()} | {"shared": sharing(shared)}


async def measure(execute: Execute, commands: Sequence[Command], concurrency: int) -> Speed:
    """Run one operation many times, so many at once."""

    async def caller() -> None:
        for _ in range(OPERATIONS // concurrency):
            await execute(commands)

    cpu, wall = time.process_time(), time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(concurrency)))
    done = OPERATIONS // concurrency * concurrency
    return Speed(done / (time.perf_counter() - wall), (time.process_time() - cpu) / done * 1e6)


async def compare(url: str) -> None:
    """Measure every operation in every way in turn, and print each as soon as it is known."""
    pool = connect.pool(url, Settings(), client_name="bench")
    async with AsyncExitStack() as stack:
        found = ways(pool, url, stack)
        client = await stack.enter_async_context(Redis.from_url(url))
        sha = await client.script_load(SCRIPT)
        await client.set("sentinel:k", "v" * 200)
        evalsha = ("EVALSHA", sha, 1, "sentinel:job:{bench}", "x" * 64, 12, 3.5, b"y" * 300)
        print(f"{'':14}{'at once':>8}" + "".join(f"{way + ' ops/s':>22}{'CPU us/op':>18}" for way in found))
        for name, commands in {"GET": [GET], "EVALSHA": [evalsha], "pipeline of 2": [evalsha, GET]}.items():
            for concurrency in CONCURRENCY:
                runs: dict[str, list[Speed]] = {way: [] for way in found}
                for turn in range(ROUNDS + 1):
                    for way in sorted(found, reverse=turn % 2 == 0):
                        runs[way].append(await measure(found[way], commands, concurrency))
                print(f"{name:14}{concurrency:8}{line(runs)}", flush=True)


def line(runs: Mapping[str, Sequence[Speed]]) -> str:
    """What to print; the first round has warmed everything up and is not in it."""
    shown = ""
    for mine in runs.values():
        pairs = list(zip(mine[1:], runs["redis-py"][1:], strict=True))
        faster = statistics.median(own.per_s / theirs.per_s for own, theirs in pairs)
        cheaper = statistics.median(own.cpu_us / theirs.cpu_us for own, theirs in pairs)
        shown += f"{statistics.median(own.per_s for own, _ in pairs):15.0f} [{faster:4.2f}]"
        shown += f"{statistics.median(own.cpu_us for own, _ in pairs):11.1f} [{cheaper:4.2f}]"
    return shown


def main() -> None:
    """Measure on a server of its own."""
    with RedisProcess() as server:
        uvloop.run(compare(server.url))


if __name__ == "__main__":
    main()
