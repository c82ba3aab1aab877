"""Pairings that somebody, or a check, found wrong: that question never again gets that entry's answer."""

from collections.abc import Sequence
from typing import Final

from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

LIFETIME_MS: Final = 400 * 86_400_000
"""From a tenant's last pair on; far longer than any entry is kept, since one may be bought again."""


class WrongPairs:
    """The wrong pairs of every tenant, in the fleet's home Redis, which does not evict."""

    def __init__(self, home: Redis, *, kept: int) -> None:
        """`kept` is the most pairs of a tenant; the oldest go first."""
        self._home = home
        self._kept = kept

    async def bar(self, tenant: str, question: str, entry_id: str, *, allow: bool = False) -> bool:
        """Bar a pair, or allow it again; False when that was so before. Raises RedisUnavailable."""
        arguments: list[Argument] = [
            keys.pair(question, entry_id),
            int(not allow),
            self._kept,
            LIFETIME_MS,
        ]
        async with translated():
            changed = await script("bar_pair").run(self._home, [keys.wrong_pairs(tenant)], arguments)
        return bool(changed)

    async def barred(self, tenant: str, question: str, entry_ids: Sequence[str]) -> set[str]:
        """Which of these entries the question never gets; raises RedisUnavailable."""
        if not entry_ids:
            return set()
        pairs = [keys.pair(question, entry_id) for entry_id in entry_ids]
        async with translated():
            scores = await self._home.zmscore(keys.wrong_pairs(tenant), pairs)
        return {entry_id for entry_id, score in zip(entry_ids, scores, strict=True) if score is not None}
