"""Waits until the product has settled, and reads what is there then."""

import asyncio
import contextlib
import hashlib

from redis.asyncio import Redis

from shared.heartbeats import Heartbeats
from shared.redis import keys
from tests.chaos.caller import Line
from tests.chaos.evidence import Final, JobEnd, is_terminal
from tests.chaos.fleet import Fleet
from tests.chaos.history import Answered, History, Witnessed, now

SETTLES_WITHIN_S = 30.0
"""From the end of load and faults: a lease, a provider's deadline and the next scan, several times over."""
LOOK_EVERY_S = 0.2


async def final_state(fleet: Fleet, redis: Redis, history: History, line: Line, stall_s: float) -> Final:
    """Let everything settle, read every accepted job over HTTP once more, then look into Redis."""
    began = now()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while not await _settled(fleet, redis):  # noqa: ASYNC110 - other processes settle
                await asyncio.sleep(LOOK_EVERY_S)
    settled_within_s = now() - began
    accepted = {e.job_id for e in history.events if isinstance(e, Answered) and e.job_id}
    for number, job_id in enumerate(sorted(accepted)):
        await line.read(job_id, number % line.ingresses, 0.0)
    return Final(
        stall_s=stall_s,
        settled_within_s=settled_within_s,
        jobs=await _jobs(redis, history.start.unix_offset),
        queued=await redis.zcard(keys.queue()),
        leases=len(await _matching(redis, keys.LEASE_PREFIX)),
        outbox=await redis.xlen(keys.outbox()),
        in_flight=await _in_flight(fleet),
        busy=await _busy(redis),
    )


async def witness(redis: Redis, history: History, seen: set[str]) -> None:
    """Note the outcome of every accepted job that has one by now and is not in `seen`."""
    accepted = {e.job_id for e in history.events if isinstance(e, Answered) and e.job_id}
    for job_id in sorted(accepted - seen):
        data = await redis.get(keys.outcome(job_id))
        if data is not None:
            history.record(Witnessed(at=now(), job_id=job_id, digest=_digest(data)))
            seen.add(job_id)


async def _settled(fleet: Fleet, redis: Redis) -> bool:
    waiting: int = await redis.zcard(keys.queue()) + await redis.xlen(keys.outbox())
    busy = sum((await _in_flight(fleet)).values()) + sum((await _busy(redis)).values())
    return waiting + busy == 0


async def _in_flight(fleet: Fleet) -> dict[str, int]:
    return {member.name: await fleet.requests_in_flight(member) for member in fleet.ingresses}


async def _busy(redis: Redis) -> dict[str, int]:
    return {beat.worker: beat.busy for beat in await Heartbeats(redis).alive()}


async def _jobs(redis: Redis, unix_offset: float) -> dict[str, JobEnd]:
    found = {}
    for key in await _matching(redis, keys.JOB_PREFIX):
        job_id = key.removeprefix(keys.JOB_PREFIX)
        state, created, completed = await redis.hmget(key, ["state", "created_at", "completed_at"])  # type: ignore[misc]
        settled = is_terminal((state or b"").decode())
        found[job_id] = JobEnd(
            state=(state or b"").decode(),
            created_at=int(created or 0) / 1000 - unix_offset,
            completed_at=int(completed) / 1000 - unix_offset if settled and completed else None,
            digest=_digest(await redis.get(keys.outcome(job_id))),
        )
    return found


async def _matching(redis: Redis, prefix: str) -> list[str]:
    return [key.decode() async for key in redis.scan_iter(match=f"{prefix}*", count=1_000)]


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()[:16]
