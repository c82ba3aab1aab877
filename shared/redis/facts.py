"""What a Redis says about itself."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from redis.asyncio import Redis
from redis.exceptions import RedisError

_DEADLINE_S: Final = 1.0


class RedisFacts(Struct, frozen=True):
    """The server's identity and the settings that decide what it may lose; None where it does not tell.

    `time_s` is its clock, Unix seconds.
    """

    run_id: str
    version: str
    maxmemory_policy: str | None
    appendonly: str | None
    time_s: float | None = None

    def is_same_server(self, other: "RedisFacts") -> bool:
        """Whether two addresses led to one server; servers that do not tell are taken for two."""
        return self.run_id != "" and self.run_id == other.run_id


UNKNOWN: Final = RedisFacts("", "", None, None)


def facts_of(info: Mapping[str, Any]) -> RedisFacts:
    """Read a reply to INFO, which hosted servers allow where they refuse CONFIG."""
    aof, micros = info.get("aof_enabled"), info.get("server_time_usec")
    return RedisFacts(
        run_id=str(info.get("run_id", "")),
        version=str(info.get("redis_version", "")),
        maxmemory_policy=info.get("maxmemory_policy"),
        appendonly=None if aof is None else ("yes" if int(aof) else "no"),
        time_s=None if micros is None else int(micros) / 1_000_000,
    )


async def read(redis: Redis) -> RedisFacts:
    """Ask a server for at most a second; one that may not or does not tell is UNKNOWN."""
    try:
        async with asyncio.timeout(_DEADLINE_S):
            return facts_of(await redis.info())
    except (RedisError, OSError):
        return UNKNOWN
