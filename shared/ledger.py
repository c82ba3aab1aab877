"""The ledger: whole numbers by tenant, day, key, model and measure; what an outcome adds, and how to read it.

Grown in the step that settles a job, so that a crash neither loses nor doubles money; a day is a day of
Redis time. Costs are picodollars. Whatever is not known is counted beside them and never as zero.
"""

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct
from redis.asyncio import Redis

from shared.redis import keys
from shared.redis.connect import translated
from shared.redis.scripts import Argument, script
from shared.settlements import Increment
from shared.wire.outcome import Answer, Completed, Embedding, Outcome, Usage

DAY_S: Final = 86_400
SEPARATOR: Final = "|"
MEASURES: Final = (
    # Calls whose usage the provider told: how many, their tokens and what they cost; how many had no price.
    *(
        "calls",
        "input_tokens",
        "cached_input_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost",
        "unpriced",
    ),
    # Calls that may be billed, and nobody will know: their job ended otherwise, or the reply told no usage.
    *("doubts", "unknown"),
    # The same of embeddings, under the embedder's model.
    *("embed_calls", "embed_tokens", "embed_cost", "embed_unpriced", "embed_doubts"),
    # Answers given without a call of their own, and what the call had cost; how many of no known cost.
    *("hits_exact", "hits_semantic", "hits_collapsed", "hits_stale"),
    *("saved_exact", "saved_semantic", "saved_collapsed", "saved_stale", "saved_unpriced"),
)


NO_USAGE: Final = Usage()


class Line(Struct, frozen=True):
    """What one key has used of one model on one day, by measure; `day` counts days since 1970."""

    day: int
    key_id: str
    model: str
    amounts: Mapping[str, int]


def field(key_id: str, model: str, measure: str) -> str:
    """The name of one number in a tenant's ledger of a day."""
    return SEPARATOR.join((key_id, model, measure))


def increments(key_id: str, outcome: Outcome) -> tuple[Increment, ...]:
    """What settling an outcome adds: all of its money is booked on the key that started the flight."""
    amounts: dict[str, int] = defaultdict(int)
    for name, amount in _amounts(key_id, outcome):
        amounts[name] += amount
    return tuple(Increment(name, amount) for name, amount in amounts.items() if amount)


def saving(key_id: str, answer: Answer, kind: str) -> Iterator[tuple[str, int]]:
    """What an answer adds that was given without a call: exact, semantic, collapsed or stale."""
    yield field(key_id, answer.model, f"hits_{kind}"), 1
    if answer.cost is None:
        yield field(key_id, answer.model, "saved_unpriced"), 1
    else:
        yield field(key_id, answer.model, f"saved_{kind}"), answer.cost


def tells_usage(answer: Answer) -> bool:
    """Whether the provider said what it bills: every call has input, so nothing counted is nothing told."""
    return answer.cost is not None or answer.usage != NO_USAGE


def embedding_saved(key_id: str, model: str, cost: int | None) -> Iterator[tuple[str, int]]:
    """What a stored embedding adds that was given to a caller."""
    yield field(key_id, model, "hits_exact"), 1
    if cost is None:
        yield field(key_id, model, "saved_unpriced"), 1
    else:
        yield field(key_id, model, "saved_exact"), cost


def embedded(key_id: str, embedding: Embedding, cost: int | None) -> Iterator[tuple[str, int]]:
    """What embedding a question adds."""
    model = embedding.model
    yield field(key_id, model, "embed_calls"), 1
    yield field(key_id, model, "embed_tokens"), embedding.tokens
    if cost is None:
        yield field(key_id, model, "embed_unpriced"), 1
    else:
        yield field(key_id, model, "embed_cost"), cost


def _amounts(key_id: str, outcome: Outcome) -> Iterator[tuple[str, int]]:
    if outcome.embedding is not None:
        yield from embedded(key_id, outcome.embedding, outcome.embed_cost)
    for spent in outcome.spent:
        if spent.usage is None:
            yield field(key_id, spent.model, "unknown"), 1
        else:
            yield from _called(key_id, spent.model, spent.usage, spent.cost)
    if isinstance(outcome, Completed):
        if outcome.source == "provider":
            answer = outcome.answer
            if tells_usage(answer):
                yield from _called(key_id, answer.model, answer.usage, answer.cost)
            else:
                yield field(key_id, answer.model, "unknown"), 1
        else:
            yield from saving(key_id, outcome.answer, "stale" if outcome.stale else outcome.source)


def _called(key_id: str, model: str, usage: Usage, cost: int | None) -> Iterator[tuple[str, int]]:
    yield field(key_id, model, "calls"), 1
    yield field(key_id, model, "input_tokens"), usage.input_tokens
    yield field(key_id, model, "cached_input_tokens"), usage.cached_input_tokens
    yield field(key_id, model, "output_tokens"), usage.output_tokens
    yield field(key_id, model, "reasoning_tokens"), usage.reasoning_tokens
    if cost is None:
        yield field(key_id, model, "unpriced"), 1
    else:
        yield field(key_id, model, "cost"), cost


class Ledger:
    """The ledgers of a fleet, on one queue Redis or on many: a job's money is booked where the job lives."""

    def __init__(self, queues: Sequence[Redis], *, deadline_s: float | None = None) -> None:
        """`deadline_s` bounds a whole read, or a whole booking."""
        self._queues = tuple(queues)
        self._deadline_s = deadline_s

    async def tenants(self, day: int) -> set[str]:
        """Who has a ledger of a day; raises RedisUnavailable."""
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await asyncio.gather(*(q.smembers(keys.ledger_tenants(day)) for q in self._queues))  # type: ignore[arg-type]
        return {tenant.decode() for tenants in found for tenant in tenants}

    async def lines(self, tenant: str, days: range) -> list[Line]:
        """Read a tenant's ledgers of some days, in their order; raises RedisUnavailable."""
        async with translated(), asyncio.timeout(self._deadline_s):
            found = await asyncio.gather(*(self._read(queue, tenant, days) for queue in self._queues))
        amounts: dict[tuple[int, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for ledgers in found:
            for day, ledger in zip(days, ledgers, strict=True):
                for name, amount in ledger.items():
                    key_id, rest = name.decode().split(SEPARATOR, 1)
                    model, measure = rest.rsplit(SEPARATOR, 1)
                    amounts[day, key_id, model][measure] += int(amount)
        return [Line(*place, dict(counted)) for place, counted in sorted(amounts.items())]

    async def today(self) -> int:
        """The day it is in Redis; raises RedisUnavailable."""
        async with translated(), asyncio.timeout(self._deadline_s):
            seconds, _ = await self._queues[0].time()
        return int(seconds) // DAY_S

    @staticmethod
    async def _read(queue: Redis, tenant: str, days: range) -> list[dict[bytes, bytes]]:
        async with queue.pipeline(transaction=False) as pipe:
            for day in days:
                pipe.hgetall(keys.ledger(day, tenant))
            return await pipe.execute()


class Batch:
    """Amounts gathered in memory, on their way to the ledger: each batch is booked once, however often sent.

    For what no settle books: savings, and embeddings whose job was settled by nobody here.
    """

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, str], int] = defaultdict(int)
        self._sending: tuple[str, list[Argument]] | None = None

    def add(self, tenant: str, amounts: Iterable[tuple[str, int]]) -> None:
        """Gather some numbers of one tenant."""
        for name, amount in amounts:
            self._amounts[tenant, name] += amount

    async def book(self, home: Redis) -> None:
        """Book what has gathered; raises RedisError, and then the next call sends the same again first."""
        if self._sending is None and self._amounts:
            lines: list[Argument] = []
            for (tenant, name), amount in self._amounts.items():
                lines += (tenant, name, amount)
            self._sending = uuid.uuid4().hex, lines
            self._amounts.clear()
        sending = self._sending
        if sending is not None:
            await script("book").run(home, [keys.booked(sending[0])], sending[1])
            if self._sending is sending:
                self._sending = None
