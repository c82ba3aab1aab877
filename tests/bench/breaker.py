"""`make bench-breaker`: half-open races between processes, and a breaker's judgement over a million calls."""

import argparse
import asyncio
import multiprocessing
import os
import random
import signal
import time
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event

from redis.asyncio import Redis

from shared import breaker as model
from shared.breaker import CLOSED, Policy
from shared.breakers import Breakers, Permit
from shared.errors import CircuitOpen
from shared.redis import keys
from tests.support.redis_process import RedisProcess

PROVIDER = "raced"
POLICY = Policy(permit_ms=500)


def race(url: str, *, processes: int, rounds: int) -> list[int]:
    """How many probes each round let through: every process asks at the moment a cooldown ends."""
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(processes + 1)
    won: Queue[list[int]] = spawn.Queue()
    racers = [
        spawn.Process(target=_racer, args=(url, rounds, barrier, won), daemon=True) for _ in range(processes)
    ]
    for racer in racers:
        racer.start()
    asyncio.run(_start_rounds(url, rounds, barrier))
    counts = [0] * rounds
    for _ in racers:
        for number in won.get(timeout=60):
            counts[number] += 1
    for racer in racers:
        racer.join(60)
    return counts


async def _start_rounds(url: str, rounds: int, barrier: Barrier) -> None:
    redis = Redis.from_url(url)
    for _ in range(rounds):
        opened = {"phase": "open", "epoch": 1, "window": "11111", "trips": 1, "until_ms": 1}
        await redis.hset(keys.breaker(PROVIDER), mapping=opened)
        barrier.wait(30)
        barrier.wait(30)
    await redis.aclose()


def _racer(url: str, rounds: int, barrier: Barrier, won: "Queue[list[int]]") -> None:
    async def run() -> None:
        redis = Redis.from_url(url)
        breakers = Breakers(redis, POLICY)
        await redis.ping()
        mine = []
        for number in range(rounds):
            barrier.wait(30)
            try:
                await breakers.ask(PROVIDER)
            except CircuitOpen:
                pass
            else:
                mine.append(number)
            barrier.wait(30)
        won.put(mine)
        await redis.aclose()

    asyncio.run(run())


def crash(url: str) -> float:
    """Kill the holder of a probe's permit; returns the seconds until the next probe is let through."""
    spawn = multiprocessing.get_context("spawn")
    holds = spawn.Event()
    holder = spawn.Process(target=_holder, args=(url, holds), daemon=True)
    holder.start()
    holds.wait(30)
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join(10)
    return asyncio.run(_until_next(url))


def _holder(url: str, holds: Event) -> None:
    async def run() -> None:
        redis = Redis.from_url(url)
        opened = {"phase": "open", "epoch": 1, "window": "11111", "trips": 1, "until_ms": 1}
        await redis.hset(keys.breaker(PROVIDER), mapping=opened)
        breakers = Breakers(redis, POLICY)
        async with breakers.held(await breakers.ask(PROVIDER)):
            # Renewed once, as a slow call is, before the kill.
            await asyncio.sleep(POLICY.permit_ms / 2000)
            holds.set()
            await asyncio.sleep(60)

    asyncio.run(run())


async def _until_next(url: str) -> float:
    redis = Redis.from_url(url)
    breakers = Breakers(redis, POLICY)
    began = time.monotonic()
    permit: Permit | None = None
    while permit is None:
        try:
            permit = await breakers.ask(PROVIDER)
        except CircuitOpen:
            await asyncio.sleep(0.005)
    await redis.aclose()
    return time.monotonic() - began


def false_opens(calls: int, share: float, seed: int) -> int:
    """How often a breaker opens over so many calls of which this share fails, each by itself."""
    draws, policy = random.Random(seed), Policy()
    breaker, opens = CLOSED, 0
    for now_ms in range(calls):
        verdict = "failure" if draws.random() < share else "success"
        breaker = model.report(breaker, breaker.epoch, verdict, now_ms, policy)  # type: ignore[arg-type]
        if breaker.phase == "open":
            opens += 1
            breaker = model.reset(breaker, now_ms)
    return opens


def calls_until_open(share: float, seed: int) -> int:
    """How many calls of which this share fails it takes to open."""
    draws, policy = random.Random(seed), Policy()
    breaker = CLOSED
    for number in range(1, 1_000_000):
        verdict = "failure" if draws.random() < share else "success"
        breaker = model.report(breaker, breaker.epoch, verdict, number, policy)  # type: ignore[arg-type]
        if breaker.phase == "open":
            return number
    return 1_000_000


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=1_000_000)
    asked = parser.parse_args()
    with RedisProcess() as server:
        probes = race(server.url, processes=asked.processes, rounds=asked.rounds)
        print(f"{asked.processes} processes x {asked.rounds} rounds: {sum(probes)} probes,", end=" ")
        print(f"{sum(count != 1 for count in probes)} rounds with more or fewer than one")
        waits = sorted(crash(server.url) for _ in range(10))
        print(f"next probe after a killed holder: {waits[5]:.2f} s, at most {waits[-1]:.2f} s", end=" ")
        print(f"(permit {POLICY.permit_ms / 1000:g} s)")
    for seed in range(1, 6):
        opens = false_opens(asked.calls, 0.05, seed)
        print(f"seed {seed}: {opens} false opens in {asked.calls} calls at 5 % errors")
    until = sorted(calls_until_open(0.8, seed) for seed in range(1000))
    print(f"at 80 % errors: open after {until[500]} calls (p50), {until[990]} (p99), {until[-1]} at most")


if __name__ == "__main__":
    main()
