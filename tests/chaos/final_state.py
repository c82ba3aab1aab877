"""Waits until the product has settled, and reads what is there then."""

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence

from redis.asyncio import Redis

from shared.heartbeats import Heartbeats
from shared.redis import keys
from tests.chaos.caller import Line
from tests.chaos.evidence import Final, JobEnd, is_terminal, read_bill
from tests.chaos.fleet import Fleet
from tests.chaos.history import History, Witnessed, now
from tests.support.reconcile import jobs_of, ledger_of, reconcile

SETTLES_WITHIN_S = 30.0
"""From the end of load and faults: a lease, a provider's deadline and the next scan, several times over."""
LOOK_EVERY_S = 0.2
READERS = 8
BATCH = 500


async def final_state(fleet: Fleet, redis: Redis, history: History, line: Line, stall_s: float) -> Final:
    """Let everything settle, read every accepted job over HTTP once more, then look into Redis."""
    began = now()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SETTLES_WITHIN_S):
            while not await _settled(fleet, redis):  # noqa: ASYNC110 - other processes settle
                await asyncio.sleep(LOOK_EVERY_S)
    settled_within_s = now() - began
    await asyncio.gather(*(_read_all(line, history, number) for number in range(READERS)))
    return Final(
        stall_s=stall_s,
        settled_within_s=settled_within_s,
        jobs=await _jobs(redis, history.start.unix_offset),
        queued=await redis.zcard(keys.queue()),
        leases=len(await _matching(redis, keys.LEASE_PREFIX)),
        outbox=await redis.xlen(keys.outbox()),
        in_flight=await _in_flight(fleet),
        busy=await _busy(redis),
        money=reconcile(read_bill(fleet.calls_log), await ledger_of([redis]), await jobs_of([redis])),
    )


async def witness(redis: Redis, history: History, seen: set[str]) -> None:
    """Note the outcome of every accepted job that has one by now and is not in `seen`."""
    unseen = [job_id for job_id in history.accepted if job_id not in seen]
    outcomes = await redis.mget([keys.outcome(job_id) for job_id in unseen]) if unseen else []
    for job_id, data in zip(unseen, outcomes, strict=True):
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


async def _read_all(line: Line, history: History, reader: int) -> None:
    """Read one reader's share of the accepted jobs over HTTP once more."""
    for number, job_id in enumerate(list(history.accepted)[reader::READERS]):
        await line.read(job_id, (reader + number) % line.ingresses, 0.0)


async def _jobs(redis: Redis, unix_offset: float) -> dict[str, JobEnd]:
    ids = [key.removeprefix(keys.JOB_PREFIX) for key in await _matching(redis, keys.JOB_PREFIX)]
    found = {}
    for first in range(0, len(ids), BATCH):
        some = ids[first : first + BATCH]
        async with redis.pipeline(transaction=False) as pipe:
            for job_id in some:
                pipe.hmget(keys.job(job_id), ["state", "created_at", "completed_at"])
                pipe.get(keys.outcome(job_id))
            replies = await pipe.execute()
        for job_id, record, outcome in zip(some, replies[::2], replies[1::2], strict=True):
            found[job_id] = _end(record, outcome, unix_offset)
    return found


def _end(record: Sequence[bytes | None], outcome: bytes | None, unix_offset: float) -> JobEnd:
    state, created, completed = record
    settled = is_terminal((state or b"").decode())
    return JobEnd(
        state=(state or b"").decode(),
        created_at=int(created or 0) / 1000 - unix_offset,
        completed_at=int(completed) / 1000 - unix_offset if settled and completed else None,
        digest=_digest(outcome),
    )


async def _matching(redis: Redis, prefix: str) -> list[str]:
    return [key.decode() async for key in redis.scan_iter(match=f"{prefix}*", count=1_000)]


def _digest(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()[:16]
