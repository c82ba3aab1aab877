"""How a peer talks with the driver: over its standard input and output.

A worker says `ready`, starts at `go`, writes one dot for each job that it runs, and ends by SIGTERM.
A client says `ready`, answers `trips N` with N latencies in milliseconds and `load N` with `loaded`.
Every peer's environment runs this, so it imports nothing but uvloop.
"""

import asyncio
import itertools
import os
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import uvloop

PAYLOAD = "p" * 600
RESULT = "r" * 1000
SLOTS = 64
"""Jobs that one worker runs at once, for every peer that has such a setting."""
TRIP_S = 10
"""A round trip that takes longer ends the bench."""
LOADERS = 16


class Client(Protocol):
    """One caller of a queue."""

    async def trip(self) -> None:
        """Enqueue a job and wait for its result."""

    async def load(self) -> None:
        """Enqueue a job whose result nobody waits for."""


def ran() -> str:
    """Be the whole job: tell the driver, and return the result."""
    os.write(1, b".")
    return RESULT


def main(
    work: Callable[..., Coroutine[Any, Any, None]],
    client: Callable[..., AbstractAsyncContextManager[Client]],
) -> None:
    """Be what the command line asks for: `worker|client URL [OPTION...]`."""
    role, *arguments = sys.argv[1:]
    if role == "client":
        uvloop.run(_serve(client(*arguments)))
        return
    _say("ready")
    sys.stdin.readline()
    uvloop.run(work(*arguments))


async def _serve(connected: AbstractAsyncContextManager[Client]) -> None:
    async with connected as client:
        _say("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            verb, count = line.split()
            if verb == "trips":
                _say(" ".join([f"{await _trip(client):.4f}" for _ in range(int(count))]))
            else:
                await spread(int(count), client.load)
                _say("loaded")


async def _trip(client: Client) -> float:
    started = time.perf_counter()
    async with asyncio.timeout(TRIP_S):
        await client.trip()
    return (time.perf_counter() - started) * 1000


async def spread(count: int, once: Callable[[], Awaitable[None]]) -> None:
    """Do something `count` times, some at once."""
    numbers = itertools.repeat(None, count)

    async def loader() -> None:
        for _ in numbers:
            await once()

    async with asyncio.TaskGroup() as group:
        for _ in range(LOADERS):
            group.create_task(loader())


def _say(line: str) -> None:
    print(line, flush=True)
