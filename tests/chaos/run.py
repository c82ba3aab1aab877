"""One run: start the fleet, load it, break it, let it settle, and gather the evidence."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
from msgspec import Struct
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff
from redis.exceptions import ConnectionError as RedisGone, RedisError

from tests.chaos import fleet as fleets, stored
from tests.chaos.caller import Line, call
from tests.chaos.evidence import Evidence
from tests.chaos.faults import catalogue
from tests.chaos.faults.fault import Fault, Site
from tests.chaos.final_state import final_state, witness
from tests.chaos.fleet import Fleet
from tests.chaos.history import History, Start, now
from tests.chaos.lanes import drive, replace_fallen
from tests.chaos.questions import Questions
from tests.chaos.targets import Targets
from tests.support.stack import USER_KEY, build_model

WITNESS_EVERY_S = 0.5
TICK_S = 0.02
REDIS_TRIES = 400
"""At 50 ms: the driver's own connection outlasts every fault of Redis."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to run."""

    seed: int
    seconds: float
    callers: int
    faults: tuple[type[Fault], ...]
    workers: int = 4
    ingresses: int = 3
    pauses: float = 1.0
    """Between two faults of a lane, as a share of the usual ones."""


async def run(plan: Plan, folder: Path) -> Evidence:
    """Run a plan; history, calls and logs stay in the folder."""
    await asyncio.to_thread(build_model)
    start = Start(
        seed=plan.seed,
        seconds=plan.seconds,
        faults=tuple(kind.kind for kind in plan.faults),
        callers=plan.callers,
        workers=plan.workers,
        ingresses=plan.ingresses,
        unix_offset=time.time() - now(),
    )
    with History(folder / stored.HISTORY, start) as history:
        size = {"ingresses": plan.ingresses, "workers": plan.workers}
        async with fleets.running(folder, **size) as fleet, _site(fleet, history, plan.seed) as site:
            stall_s = await _load_and_break(plan, site)
            final = await final_state(fleet, site.redis, history, site.line, stall_s)
        (folder / stored.FINAL).write_bytes(msgspec.json.encode(final))
    return stored.read(folder)


async def _load_and_break(plan: Plan, site: Site) -> float:
    """Returns the longest stall of this process meanwhile, in seconds."""
    stop = asyncio.Event()
    questions = Questions(plan.seed)
    callers = [
        asyncio.create_task(call(site.line, questions, random.Random(f"{plan.seed} caller {n}"), stop))
        for n in range(plan.callers)
    ]
    watching = asyncio.create_task(_watch(site, stop))
    stalling = asyncio.create_task(_longest_stall(stop))
    replacing = asyncio.create_task(replace_fallen(site, stop))
    lanes = catalogue.lanes_of(plan.faults, pauses=plan.pauses)
    breaking = asyncio.create_task(drive(lanes, site, seed=plan.seed, seconds=plan.seconds))
    tasks = [breaking, watching, replacing, *callers]
    # A broken caller must end the run: without its load nothing would be tested.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.gather(*tasks)
    return await stalling


async def _longest_stall(stop: asyncio.Event) -> float:
    longest = 0.0
    while not stop.is_set():
        began = now()
        await asyncio.sleep(TICK_S)
        longest = max(longest, now() - began - TICK_S)
    return longest


async def _watch(site: Site, stop: asyncio.Event) -> None:
    seen: set[str] = set()
    while not stop.is_set():
        # Our own connection is cut and stalled by the same faults; the next look sees what this one missed.
        with contextlib.suppress(RedisError, OSError):
            await witness(site.redis, site.history, seen)
        await asyncio.sleep(WITNESS_EVERY_S)


@contextlib.asynccontextmanager
async def _site(fleet: Fleet, history: History, seed: int) -> AsyncIterator[Site]:
    retry = Retry(ConstantBackoff(0.05), REDIS_TRIES)
    async with contextlib.AsyncExitStack() as stack:
        redis = Redis.from_url(fleet.stack.queue.url, retry=retry, retry_on_error=[RedisGone, OSError])
        stack.push_async_callback(redis.aclose)
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(
                    base_url=fleet.url(member),
                    headers={"X-API-Key": USER_KEY},
                    timeout=None,  # noqa: S113
                )
            )
            for member in fleet.ingresses
        ]
        yield Site(fleet, history, redis, Line(clients, history), Targets(), random.Random(f"{seed} faults"))
