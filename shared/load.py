"""How busy a fleet is, and how many workers its load calls for."""

import math
from collections.abc import Sequence

from msgspec import Struct
from redis.asyncio import Redis

from shared.heartbeats import LIFE_MS
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script


class Load(Struct, frozen=True, kw_only=True):
    """One look at a queue: jobs that are due wait for a slot, jobs in work have one."""

    due: int
    oldest_wait_ms: int
    in_work: int
    bell_interactive: int
    bell_batch: int
    workers: int
    slots: int
    busy: int


async def look(redis: Redis) -> Load:
    """Look at the queue of one Redis; raises RedisUnavailable."""
    places = [keys.queue(), keys.bell("interactive"), keys.bell("batch"), keys.workers()]
    async with translated():
        due, oldest, in_work, interactive, batch, workers, slots, busy = map(
            int, await script("look_at_queue").run(redis, places, [LIFE_MS])
        )
    return Load(
        due=due,
        oldest_wait_ms=oldest,
        in_work=in_work,
        bell_interactive=interactive,
        bell_batch=batch,
        workers=workers,
        slots=slots,
        busy=busy,
    )


def together(loads: Sequence[Load]) -> Load:
    """The load of a fleet on several queues; a worker beats on each queue that it takes from."""
    return Load(
        due=sum(load.due for load in loads),
        oldest_wait_ms=max(load.oldest_wait_ms for load in loads),
        in_work=sum(load.in_work for load in loads),
        bell_interactive=sum(load.bell_interactive for load in loads),
        bell_batch=sum(load.bell_batch for load in loads),
        workers=max(load.workers for load in loads),
        slots=sum(load.slots for load in loads),
        busy=sum(load.busy for load in loads),
    )


def desired_workers(load: Load, *, slots: int, utilisation: float) -> int:
    """How many workers of so many slots would have a slot for every job and keep some free; at least one.

    Slots mostly wait for the provider, so it is jobs that count, not processors. `utilisation` is the share
    of slots that should be busy. The same number comes out whether the workers are there already or not, so
    that an autoscaler that follows it does not swing.
    """
    return max(1, math.ceil((load.busy + load.due) / (slots * utilisation)))
