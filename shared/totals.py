"""What all tenants together have spent and saved on a day, grown in the step that grows the ledger."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated


async def read_totals(
    queues: Sequence[Redis], day: int, *, deadline_s: float | None = None
) -> Mapping[str, int]:
    """Read a day's sums, in picodollars by the ledger's measures; raises RedisUnavailable."""
    async with translated(), asyncio.timeout(deadline_s):
        found = await asyncio.gather(*(queue.hgetall(keys.totals(day)) for queue in queues))  # type: ignore[arg-type]
    sums: Counter[str] = Counter()
    for totals in found:
        for measure, amount in totals.items():
            sums[measure.decode()] += int(amount)
    return sums
