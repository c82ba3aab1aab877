"""Where the fleet searches vectors: in its workers' memory, or in a Redis that has a search engine.

Every store of an answer reads the place in its script, so a change holds for all workers at once; while
vectors move, both places are written and the old one is searched.
"""

from typing import Literal, TypeAlias, get_args

from redis.asyncio import Redis

from shared.redis import keys

Place: TypeAlias = Literal["memory", "redis"]
State: TypeAlias = Literal["memory", "redis", "memory>redis", "redis>memory"]


def searched(state: State) -> Place:
    """The place that answers questions now."""
    return "redis" if state.startswith("redis") else "memory"


async def settle_place(redis: Redis, preferred: Place) -> State:
    """Return the fleet's place; a fleet that has none takes the preferred one. Raises RedisError."""
    await redis.set(keys.index_place(), preferred, nx=True)
    return _state(await redis.get(keys.index_place()))


async def read_place(redis: Redis) -> State:
    """Return the fleet's place; raises RedisError."""
    return _state(await redis.get(keys.index_place()))


async def move_place(redis: Redis, state: State) -> None:
    """Change the place for all workers; raises RedisError."""
    await redis.set(keys.index_place(), state)


def _state(found: bytes | None) -> State:
    text = (found or b"").decode()
    for state in get_args(State):
        if text == state:
            return state  # type: ignore[no-any-return]
    return "memory"
