"""What the fleet knows of a policy's hits: by tenant, how many proposals of each chance were right and wrong.

A tenant's statistics serve that tenant alone: nobody learns from, or is taught by, another one's traffic.
They live in the fleet's home Redis, so that every worker keeps to the same bound, also after a restart.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct
from redis.asyncio import Redis

from shared.error_bound import BINS, Estimate, Tally, bin_of, bounded, estimated
from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script

LIFETIME_MS: Final = 90 * 86_400_000
TALLIES_MAX: Final = 10_000
"""Tallies that are listed; those that grew longest ago are shown no more, and end with their lifetime."""
LETTERS: Final[Mapping[str, str]] = {"proposed": "p", "right": "r", "wrong": "w"}

Event = Literal["proposed", "right", "wrong"]


class Lesson(Struct, frozen=True):
    """One thing seen of a proposal that had this chance; `times` below 0 takes something back."""

    event: Event
    chance: float
    times: int = 1


class Known(Struct, frozen=True):
    """One tenant's tallies under one policy."""

    tenant: str
    policy: str
    tallies: tuple[Tally, ...]

    def estimate(self, most_wrong: float | None, static: float) -> Estimate:
        """How its hits fare: from the learned threshold on, or without a bound from the static one."""
        if most_wrong is None:
            return estimated(self.tallies, static)
        return bounded(self.tallies, most_wrong)


class TallyStore:
    """The tallies in the fleet's home Redis."""

    def __init__(self, home: Redis, *, remembered: int) -> None:
        """`remembered` is the number of proposals above which a tally is halved."""
        self._home = home
        self._remembered = remembered

    async def learn(self, tenant: str, policy: str, lessons: Sequence[Lesson]) -> None:
        """Add to what is known; raises RedisUnavailable."""
        arguments: list[Argument] = [
            keys.tally_member(policy, tenant),
            LIFETIME_MS,
            self._remembered,
            TALLIES_MAX,
        ]
        for lesson in lessons:
            arguments += [f"{LETTERS[lesson.event]}{bin_of(lesson.chance)}", lesson.times]
        places = [keys.tally(policy, tenant), keys.tallies()]
        async with translated():
            await script("learn_hits").run(self._home, places, arguments)

    async def read(self, tenant: str, policy: str) -> tuple[Tally, ...]:
        """What is known; what cannot be read is nothing. Raises RedisUnavailable."""
        return (await self._read([(policy, tenant)]))[0]

    async def all(self) -> list[Known]:
        """Everything that is known, the last to grow first; raises RedisUnavailable."""
        async with translated():
            members = await self._home.zrange(keys.tallies(), 0, TALLIES_MAX, desc=True)
        names = [keys.tally_of(member) for member in members]
        found = await self._read(names)
        return [
            Known(tenant, policy, tallies) for (policy, tenant), tallies in zip(names, found, strict=True)
        ]

    async def _read(self, names: Sequence[tuple[str, str]]) -> list[tuple[Tally, ...]]:
        async with translated(), self._home.pipeline(transaction=False) as pipe:
            for policy, tenant in names:
                pipe.hgetall(keys.tally(policy, tenant))
            # A key of another type is an error in its reply's place.
            replies = await pipe.execute(raise_on_error=False)
        return [tallies_of(reply) if isinstance(reply, dict) else tallies_of({}) for reply in replies]


def tallies_of(fields: Mapping[bytes, bytes]) -> tuple[Tally, ...]:
    """Read a tally; one that does not make sense says nothing, and then nothing hits."""
    counts, sound = _zeros(), True
    try:
        for name, count in fields.items():
            letter, place, value = name[:1].decode(), int(name[1:]), int(count)
            counts[letter][place] += value
            sound = sound and value >= 0
    except (ValueError, KeyError, IndexError):
        sound = False
    if not sound:
        counts = _zeros()
    rows = zip(counts["p"], counts["r"], counts["w"], strict=True)
    # Judged without a proposal: half of it was forgotten, or never came.
    return tuple(Tally(max(p, r + w), r, w) for p, r, w in rows)


def _zeros() -> dict[str, list[float]]:
    return {letter: [0.0] * BINS for letter in LETTERS.values()}
