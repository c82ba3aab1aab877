"""Holds a ledger against the provider's bill, call by call; pure.

A call on the bill is matched by the outcome of its job, by a failed call whose usage was booked, or by a
doubt. The other way round a doubt need not have been billed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from shared.ledger import Ledger, Line
from shared.redis import keys
from shared.wire.outcome import Completed, decode_result


class JobMoney(Struct, frozen=True):
    """What a job's calls cost as its outcome says, in picodollars, and how many more may be on the bill."""

    costs: tuple[int | None, ...]
    doubts: int


Bill = Sequence[Mapping[str, Any]]
"""What `/_simulator/bill` lists under `calls`."""
CHAT, EMBEDDINGS = "/chat/completions", "/embeddings"


def reconcile(bill: Bill, ledger: Iterable[Line], jobs: Mapping[str, JobMoney] | None = None) -> list[str]:
    """Say in words where a ledger and a bill differ; nothing when they agree.

    `jobs` has every job whose outcome can still be read: with it every call is looked at, without it only the
    sums are.
    """
    booked = _sums(ledger)
    chat = [call for call in bill if call["path"].endswith(CHAT)]
    embedded = [call for call in bill if call["path"].endswith(EMBEDDINGS)]
    differences = [*_chat(chat, booked), *_embeddings(embedded, booked)]
    if jobs is not None:
        differences += _by_call(chat, booked, jobs)
    return differences


async def ledger_of(queues: Sequence[Redis]) -> list[Line]:
    """Every line of every tenant, of today and yesterday."""
    ledger = Ledger(queues)
    today = await ledger.today()
    days = range(today - 1, today + 1)
    tenants = {tenant for day in days for tenant in await ledger.tenants(day)}
    return [line for tenant in sorted(tenants) for line in await ledger.lines(tenant, days)]


async def jobs_of(queues: Sequence[Redis]) -> dict[str, JobMoney]:
    """The money of every job whose outcome is still kept."""
    found: dict[str, JobMoney] = {}
    for queue in queues:
        async for key in queue.scan_iter(match=keys.outcome("*"), count=1000):
            job_id = key.decode().removeprefix(keys.outcome(""))
            outcome = decode_result(await queue.get(key)).r
            doubts = int(await queue.hget(keys.job(job_id), "doubts") or 0)  # type: ignore[misc]
            doubts += sum(spent.usage is None for spent in outcome.spent)
            costs = [spent.cost for spent in outcome.spent if spent.usage is not None]
            if isinstance(outcome, Completed) and outcome.source == "provider":
                costs.append(outcome.answer.cost)
            found[job_id] = JobMoney(tuple(costs), doubts)
    return found


def _chat(bill: Bill, booked: Mapping[str, int]) -> list[str]:
    owed = sum(call["picodollars"] for call in bill)
    doubts = booked["doubts"] + booked["unknown"]
    unmatched = len(bill) - booked["calls"]
    if unmatched < 0:
        return [f"{booked['calls']} calls are booked and {len(bill)} billed"]
    if unmatched > doubts:
        return [f"{unmatched} billed calls are not booked, and there are {doubts} doubts"]
    if owed < booked["cost"] or (unmatched == 0 and owed != booked["cost"]):
        return [f"{booked['cost']} pico$ are booked and {owed} billed, with {unmatched} calls in doubt"]
    return []


def _embeddings(bill: Bill, booked: Mapping[str, int]) -> list[str]:
    if not bill and booked["embed_cost"] == 0:
        # A worker's own model embeds for nothing, and nobody bills it.
        return []
    owed = sum(call["picodollars"] for call in bill)
    tokens = sum(call["usage"]["total_tokens"] for call in bill)
    same = owed == booked["embed_cost"] and tokens == booked["embed_tokens"]
    excused = booked["embed_doubts"] > 0 and owed > booked["embed_cost"]
    if same or excused:
        return []
    told = f"{booked['embed_cost']} pico$ of {booked['embed_tokens']} tokens are booked for embeddings"
    return [f"{told}, {owed} of {tokens} billed, with {booked['embed_doubts']} doubts"]


def _by_call(bill: Bill, booked: Mapping[str, int], jobs: Mapping[str, JobMoney]) -> list[str]:
    """Strike every settled call off the bill; what is left of a job must be in doubt for this job."""
    differences = []
    left: dict[str, Counter[int]] = defaultdict(Counter)
    for call in bill:
        left[call["call_id"].partition("/")[0]][call["picodollars"]] += 1
    for job_id, money in jobs.items():
        for cost in money.costs:
            if cost is not None and not left[job_id][cost]:
                differences.append(f"{job_id} was settled with {cost} pico$, which nobody billed")
            elif cost is not None:
                left[job_id][cost] -= 1
    for job_id, calls in left.items():
        doubts = jobs[job_id].doubts if job_id in jobs else 0
        if calls.total() > doubts:
            differences.append(f"{job_id!r} has {calls.total()} more calls on the bill and {doubts} doubts")
    known = sum(cost or 0 for money in jobs.values() for cost in money.costs)
    if known != booked["cost"]:
        differences.append(f"outcomes cost {known} pico$ and {booked['cost']} are booked")
    return differences


def _sums(ledger: Iterable[Line]) -> Mapping[str, int]:
    sums: Counter[str] = Counter()
    for line in ledger:
        sums.update(msgspec.to_builtins(line)["amounts"])
    return sums
