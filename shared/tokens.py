"""The tokens of a job while they are made: told to whoever listens, kept for whoever comes later.

An event is a JSON array of a chunk's `choices`, as OpenAI's API streams them, without roles and reasons for
the end: those are the outcome's. One event is a JSON object instead: the verdict on the cache, told when the
provider is asked. Events of a job have ids that grow.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script
from shared.shards import shard_of
from shared.wire.outcome import Match

EVENTS_MAX: Final = 50_000
"""Events kept of one job; the longest answers of today's models have about as many tokens."""
BEGINNING: Final = "-"
"""The id before all others."""
CHANNEL: Final = ":tokens"
"""What follows an inbox in the name of the channel on which it hears tokens."""


class Event(Struct, frozen=True):
    """Some tokens, and their place."""

    id: str
    data: bytes

    @property
    def is_verdict(self) -> bool:
        """Whether it tells what the cache had, and no tokens."""
        return is_verdict(self.data)


class Verdict(Struct, frozen=True):
    """What the cache had before the provider was asked: the nearest stored question, if there was any."""

    match: Match | None


class Told(Struct, frozen=True):
    """The tokens of one job that were told together."""

    job_id: str
    events: tuple[Event, ...]


class TokenStreams:
    """The token streams of a fleet, each on the queue Redis where its job lives."""

    def __init__(self, queues: Sequence[Redis], *, deadline_s: float | None = None) -> None:
        self._queues = tuple(queues)
        self._deadline_s = deadline_s

    async def append(self, job_id: str, token: str, events: Sequence[bytes], *, keep_ms: int) -> bool:
        """Tell tokens under a job's fence token; False when that is no longer the current one.

        Raises RedisError.
        """
        places = [keys.tokens(job_id), keys.listeners(job_id)]
        arguments: list[Argument] = [job_id, token, EVENTS_MAX, keep_ms, *events]
        return bool(await script("append_tokens").run(self._of(job_id), places, arguments))

    async def listen(
        self, job_id: str, inbox: str, *, for_ms: int, after: str = BEGINNING
    ) -> tuple[str | None, list[Event]]:
        """Hear a job's tokens from now on; returns its state and what was told before.

        Raises RedisUnavailable.
        """
        places = [keys.tokens(job_id), keys.listeners(job_id)]
        async with translated(), asyncio.timeout(self._deadline_s):
            state, told = await script("listen").run(self._of(job_id), places, [job_id, inbox, for_ms, after])
        return None if state is None else state.decode(), _paired(told)

    async def read(self, job_id: str, *, after: str = BEGINNING) -> list[Event]:
        """Read what was told after an event. Raises RedisUnavailable."""
        since = after if after == BEGINNING else f"({after}"
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await self._of(job_id).xrange(keys.tokens(job_id), min=since)
        return [Event(event_id.decode(), fields[b"t"]) for event_id, fields in found]

    def _of(self, job_id: str) -> Redis:
        return self._queues[shard_of(job_id, len(self._queues))]


def is_verdict(data: bytes) -> bool:
    """Whether an event is a verdict: tokens are arrays."""
    return data.startswith(b"{")


def decode_told(message: bytes) -> Told:
    """Read a message of an inbox's token channel; events hold no line breaks."""
    job_id, *rest = message.split(b"\n")
    return Told(job_id.decode(), tuple(_paired(rest)))


def order(event_id: str) -> tuple[int, int]:
    """The place of an event among a job's others: Redis' own order of stream ids."""
    if event_id == BEGINNING:
        return (0, 0)
    milliseconds, _, number = event_id.partition("-")
    return int(milliseconds), int(number)


def _paired(flat: Sequence[bytes]) -> list[Event]:
    return [Event(flat[n].decode(), flat[n + 1]) for n in range(0, len(flat) - 1, 2)]
