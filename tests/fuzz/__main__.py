"""`python -m tests.fuzz`: malformed requests, every operation, and two tenants, for as long as one likes."""

import argparse
import asyncio
import time
from collections import Counter

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz.description import long
from tests.fuzz.hostile import parse_all, peak_mb, send_all
from tests.fuzz.tenants import TwoTenants
from tests.fuzz.world import World
from tests.support.gateway import gateway, settings_for
from tests.support.redis_process import RedisProcess

ROUND = 10_000
EXAMPLES = 40


async def malformed(seed: int, cases: int) -> None:
    """Send and read malformed requests, and print what came of them and of the memory."""
    found = Counter[int]()
    with RedisProcess() as redis:
        async with gateway(settings_for(redis.url)) as served:
            for number in range(0, cases, ROUND):
                found += await send_all(served, seed + number, min(ROUND, cases - number))
                print(f"  {found.total()} sent: {dict(sorted(found.items()))}, peak {peak_mb():.0f} MB")
    ours = sum(count for status, count in found.items() if status >= 500 and status != 504)
    read = parse_all(seed, cases)
    print(f"{found.total()} malformed requests: {ours} were our failure")
    print(f"{read.total()} bodies read: {dict(read)}")


def tenants(steps: int) -> None:
    """Let two tenants do so many things, and print how many were done."""
    TwoTenants.steps = 0
    while TwoTenants.steps < steps:
        # A Redis of its own for each round: what a tenant left is not to pile up.
        with RedisProcess() as redis, World(redis.url) as TwoTenants.world:
            run_state_machine_as_test(
                TwoTenants,
                settings=settings(
                    max_examples=EXAMPLES * 5,
                    stateful_step_count=50,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                ),
            )
        print(f"  {TwoTenants.steps} steps")
    print(f"{TwoTenants.steps} steps of two tenants: nothing crossed")


def main() -> None:
    """Run all three."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--tries", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.monotonic()
    if given.cases:
        asyncio.run(malformed(given.seed, given.cases))
    if given.tries:
        long(given.seed, given.tries)
    if given.steps:
        tenants(given.steps)
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
