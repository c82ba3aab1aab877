"""Asks a Redis about itself, or says why it does not answer."""

from typing import Any, Final

from msgspec import Struct
from redis import Redis
from redis.exceptions import RedisError

from shared.redis.facts import RedisFacts, facts_of

_TIMEOUT_S: Final = 2.0


class Unreachable(Struct, frozen=True):
    """Why no answer came; holds no secret."""

    reason: str


def ask(url: str) -> RedisFacts | Unreachable:
    """Ask a server, for at most a few seconds."""
    try:
        client: Redis = Redis.from_url(
            url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, decode_responses=True
        )
    except ValueError:
        return Unreachable("this is not a Redis URL; it looks like redis://host:6379/0")
    with client:
        try:
            info: Any = client.info()
        except (RedisError, OSError) as error:
            return Unreachable(str(error))
    return facts_of(info)
