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
from redis.exceptions import RedisError

from tests.chaos import fleet as fleets, stored
from tests.chaos.caller import Line, call
from tests.chaos.evidence import Evidence
from tests.chaos.faults import catalogue
from tests.chaos.faults.fault import Fault, Site
from tests.chaos.final_state import final_state, witness
from tests.chaos.fleet import Fleet
from tests.chaos.history import Died, Healed, History, Injected, Start, Struck, now
from tests.chaos.questions import Questions
from tests.support.stack import USER_KEY, build_model

WITNESS_EVERY_S = 0.5
TICK_S = 0.02
PAUSE_S = (0.3, 1.5)
"""Between two faults: sometimes too short for the product to have recovered from the first."""


class Plan(Struct, frozen=True, kw_only=True):
    """What to run."""

    seed: int
    seconds: float
    callers: int
    faults: tuple[type[Fault], ...]


async def run(plan: Plan, folder: Path) -> Evidence:
    """Run a plan; history, calls and logs stay in the folder."""
    await asyncio.to_thread(build_model)
    start = Start(
        seed=plan.seed,
        seconds=plan.seconds,
        faults=tuple(kind.kind for kind in plan.faults),
        callers=plan.callers,
        unix_offset=time.time() - now(),
    )
    with History(folder / stored.HISTORY, start) as history:
        async with fleets.running(folder) as fleet, _site(fleet, history, plan.seed) as site:
            stall_s = await _load_and_break(plan, site)
            final = await final_state(fleet, site.redis, history, site.line, stall_s)
            _note_deaths(site)
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
    breaking = asyncio.create_task(_break(plan, site))
    # A broken caller must end the run: without its load nothing would be tested.
    await asyncio.wait([breaking, watching, *callers], return_when=asyncio.FIRST_COMPLETED)
    stop.set()
    await asyncio.gather(breaking, watching, *callers)
    return await stalling


async def _break(plan: Plan, site: Site) -> None:
    """Inject one fault after the other until the time is over; the last one is mended, too."""
    ends_at = now() + plan.seconds
    for number, kind in enumerate(catalogue.sequence(plan.faults, site.draws)):
        await asyncio.sleep(site.draws.uniform(*PAUSE_S))
        if now() >= ends_at:
            return
        _note_deaths(site)
        await _one(site, kind(site, number))


async def _one(site: Site, fault: Fault) -> None:
    began = now()
    hit = await fault.inject()
    site.history.record(
        Injected(at=began, fault=fault.number, kind=fault.kind, target=hit.target, held=hit.held)
    )
    for _ in range(hit.costs):
        site.history.record(Struck(at=began, fault=fault.number, target=hit.target))
    await asyncio.sleep(site.draws.uniform(*fault.lasts_s))
    cure = await fault.heal()
    site.history.record(
        Healed(at=now(), fault=fault.number, note=cure.note, up_at=cure.up_at, codes=cure.codes)
    )


def _note_deaths(site: Site) -> None:
    """Record and replace what ended by itself."""
    for member in site.fleet.fallen():
        code = member.process.popen.returncode
        site.history.record(Died(at=now(), process=member.name, code=code))
        site.fleet.start(member)


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
    retry = Retry(ConstantBackoff(0.05), 20)
    async with contextlib.AsyncExitStack() as stack:
        redis = Redis.from_url(fleet.stack.queue.url, retry=retry, retry_on_error=[ConnectionError])
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
        yield Site(fleet, history, redis, Line(clients, history), random.Random(f"{seed} faults"))
