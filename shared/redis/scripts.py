"""The Lua scripts, each behind one typed method; a script's header is its contract.

Scripts travel as package data, are run by digest, and are loaded again when a Redis has lost them. A line
`--!include NAME` stands for the functions in parts/NAME.lua, since scripts cannot call one another.
"""

import functools
import hashlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoScriptError, ResponseError

from shared.redis import refusals

Argument = str | bytes | int | float
Call = tuple[Sequence[str], Sequence[Argument]]
_INCLUDE = re.compile(r"^--!include (\w+)$", re.MULTILINE)


class Script:
    """One Lua script by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.source = _INCLUDE.sub(lambda part: _read(f"parts/{part[1]}"), _read(name))
        self.sha = hashlib.sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    async def run(self, redis: Redis, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        """Run the script in one round trip, or two on a Redis that does not know it yet."""
        client: Any = redis  # redis-py types every reply of a script as text
        try:
            return await client.evalsha(self.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await client.eval(self.source, len(keys), *keys, *args)

    async def run_all(self, redis: Redis, calls: Sequence[Call]) -> list[Any]:
        """Run the script for each call, all in one round trip; a call's error takes its reply's place."""
        if len(calls) == 1:
            keys, args = calls[0]
            return [await self.run(redis, keys, args)]
        replies = await self._run_all(redis, calls)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await redis.script_load(self.source)
            replies = await self._run_all(redis, calls)
        return [refusals.sort(reply) if isinstance(reply, ResponseError) else reply for reply in replies]

    async def _run_all(self, redis: Redis, calls: Sequence[Call]) -> list[Any]:
        async with redis.pipeline(transaction=False) as pipe:
            for keys, args in calls:
                self.queue_on(pipe, keys, args)
            return await pipe.execute(raise_on_error=False)

    def command(self, keys: Sequence[str], args: Sequence[Argument]) -> tuple[Any, ...]:
        """The call as one command; the script must have been loaded."""
        return ("EVALSHA", self.sha, len(keys), *keys, *args)

    def queue_on(self, pipe: Pipeline, keys: Sequence[str], args: Sequence[Argument]) -> None:
        """Add a call to a pipeline; the script must have been loaded, see `run_pipeline`."""
        queued: Any = pipe
        queued.evalsha(self.sha, len(keys), *keys, *args)


def _read(name: str) -> str:
    return (resources.files("shared.redis") / "lua" / f"{name}.lua").read_text("utf-8")


@functools.cache
def script(name: str) -> Script:
    """The script of this name, read once."""
    return Script(name)


async def run_pipeline(redis: Redis, pipe: Pipeline) -> list[Any]:
    """Execute a pipeline; when a Redis has lost the scripts, load them and execute it once more."""
    commands = list(pipe.command_stack)
    try:
        return await pipe.execute()
    except NoScriptError:
        await load_all(redis)
        pipe.command_stack = commands
        return await pipe.execute()


async def load_all(redis: Redis) -> None:
    """Make every script known to a Redis, so that first calls cost one round trip as well."""
    folder = resources.files("shared.redis") / "lua"
    for item in folder.iterdir():
        if item.name.endswith(".lua"):
            await redis.script_load(script(item.name.removesuffix(".lua")).source)
