"""Budgets that a tenant or a key has of its own, set while the product runs; in place of the settings'.

Every ingress knows all of them, and looks once a second whether they have changed.
"""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct
from redis.asyncio import Redis

from shared.errors import BadRequest, FieldError, NotFound, TooManyBudgets
from shared.key_store import NAME_PATTERN
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import script

Holder = Literal["tenant", "key"]
HOLDERS: Final[Mapping[Holder, str]] = {"key": "k:", "tenant": "t:"}
"""How the holders of money are told apart, here as in the ledger's sums."""
BUDGETS_MAX: Final = 10_000
"""Every ingress keeps all of them: about 2 MB."""
VERSION: Final = b"version"
Dollars = Annotated[float, Meta(ge=0, le=1e9)]


class OwnBudget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody may spend a day and a month (UTC), in dollars; None is no limit."""

    day_soft_usd: Dollars | None = None
    day_hard_usd: Dollars | None = None
    month_soft_usd: Dollars | None = None
    month_hard_usd: Dollars | None = None


class Known(Struct, frozen=True):
    """All own budgets by holder (`t:<tenant>`, `k:<key id>`), and the version of which they are."""

    version: int = 0
    budgets: Mapping[str, OwnBudget] = {}


class OwnBudgets:
    """The own budgets of one installation; every method raises RedisUnavailable."""

    def __init__(self, redis: Redis, *, deadline_s: float | None = None) -> None:
        self._redis = redis
        self._deadline_s = deadline_s

    async def put(self, holder: Holder, name: str, budget: OwnBudget) -> None:
        """Give somebody a budget of its own; raises BadRequest for one that cannot be, and TooManyBudgets."""
        if not NAME_PATTERN.fullmatch(name):
            raise BadRequest("A tenant or key is named by 1 to 64 letters, digits, `_`, `.` or `-`.")
        check(budget)
        kept = await self._change(HOLDERS[holder] + name, msgspec.json.encode(budget))
        if kept < 0:
            raise TooManyBudgets(
                f"{BUDGETS_MAX:,} tenants and keys have budgets of their own; remove one first."
            )

    async def remove(self, holder: Holder, name: str) -> None:
        """Let the settings' budget stand again; raises NotFound."""
        if not await self._change(HOLDERS[holder] + name, b""):
            raise NotFound("It has no budget of its own.")

    async def all(self) -> Known:
        """Read them all."""
        async with translated(), asyncio.timeout(self._deadline_s):
            fields = await self._redis.hgetall(keys.own_budgets())  # type: ignore[misc]
        version = int(fields.pop(VERSION, 0))
        return Known(
            version, {who.decode(): msgspec.json.decode(row, type=OwnBudget) for who, row in fields.items()}
        )

    async def since(self, known: Known) -> Known:
        """Read them again if they have changed since."""
        async with translated(), asyncio.timeout(self._deadline_s):
            version = await self._redis.hget(keys.own_budgets(), VERSION)  # type: ignore[misc,arg-type]
        return known if int(version or 0) == known.version else await self.all()

    async def _change(self, who: str, row: bytes) -> int:
        async with translated(), asyncio.timeout(self._deadline_s):
            changed = await script("put_budget").run(
                self._redis, [keys.own_budgets()], [who, row, BUDGETS_MAX]
            )
        return int(changed)


def holder_of(who: str) -> tuple[Holder, str]:
    """Read a holder as sums and budgets name it: a tenant's or a key's, and its name."""
    for holder, prefix in HOLDERS.items():
        if who.startswith(prefix):
            return holder, who.removeprefix(prefix)
    raise ValueError(f"{who!r} is neither a tenant's nor a key's")


def check(budget: OwnBudget) -> None:
    """Raise BadRequest for a soft limit that would never be told, since the hard one comes first."""
    for period in ("day", "month"):
        soft, hard = getattr(budget, f"{period}_soft_usd"), getattr(budget, f"{period}_hard_usd")
        if soft is not None and hard is not None and soft > hard:
            reason = f"is over {period}_hard_usd, and would never be told"
            field = f"/{period}_soft_usd"
            raise BadRequest(f"{field} {reason}.", errors=[FieldError(pointer=field, detail=reason)])
