"""What each tenant has spent this day and month, and what is set aside for jobs in work."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct
from redis.asyncio import Redis

from shared.ledger import DAY_S
from shared.redis import keys
from shared.redis.connect import translated
from shared.usage_report import date_of

TENANT = b"t:"


class Spent(Struct, frozen=True, kw_only=True):
    """One tenant's money, in picodollars."""

    who: str
    day: int
    month: int
    reserved: int


async def spending(queues: Sequence[Redis], *, deadline_s: float | None = None) -> list[Spent]:
    """Read it, who spends most first; raises RedisUnavailable."""
    async with translated(), asyncio.timeout(deadline_s):
        seconds, _ = await queues[0].time()
        day = int(seconds) // DAY_S
        today = date_of(day)
        month = (today.year - 1970) * 12 + today.month - 1
        places = (keys.spent(f"d{day}"), keys.spent(f"m{month}"), keys.reserved())
        sums: tuple[Counter[str], ...] = (Counter(), Counter(), Counter())
        for queue in queues:
            async with queue.pipeline(transaction=False) as pipe:
                for place in places:
                    pipe.hgetall(place)
                found = await pipe.execute()
            for counter, fields in zip(sums, found, strict=True):
                for who, amount in fields.items():
                    if who.startswith(TENANT):
                        counter[who.removeprefix(TENANT).decode()] += int(amount)
    of_day, of_month, reserved = sums
    spent = [
        Spent(who=who, day=of_day[who], month=of_month[who], reserved=reserved[who])
        for who in set(of_day) | set(of_month) | set(reserved)
    ]
    return sorted(spent, key=lambda one: (one.month, one.who), reverse=True)
