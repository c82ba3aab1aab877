"""What a Redis says about itself."""

from typing import Any, Final

from msgspec import Struct
from redis import Redis
from redis.exceptions import RedisError

_TIMEOUT_S: Final = 2.0


class RedisFacts(Struct, frozen=True):
    """The server's identity and the settings that decide what it may lose; None where it does not tell."""

    run_id: str
    version: str
    maxmemory_policy: str | None
    appendonly: str | None


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
            info: Any = client.info("server")
            settings = _settings(client)
        except (RedisError, OSError) as error:
            return Unreachable(str(error))
    return RedisFacts(
        run_id=info["run_id"],
        version=info["redis_version"],
        maxmemory_policy=settings.get("maxmemory-policy"),
        appendonly=settings.get("appendonly"),
    )


def _settings(client: Redis) -> dict[str, str]:
    # One by one: servers before 7.0 take a single name.
    ask_for: Any = client.config_get
    try:
        return {name: ask_for(name)[name] for name in ("maxmemory-policy", "appendonly")}
    except (RedisError, KeyError):  # hosted servers refuse CONFIG
        return {}
