"""A TCP proxy between one process and Redis that can swallow, delay or reset what passes."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any


class Link:
    """One process's way to a port of 127.0.0.1; `open` starts it, `close` ends it.

    What a closed gate holds back arrives once it opens, as after a healed partition: late, not lost.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._gate = asyncio.Event()
        self._gate.set()
        self._delay_s = 0.0
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0

    async def open(self) -> None:
        """Listen on a free port of loopback."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and break what is open."""
        assert self._server is not None
        self._server.close()
        self.reset()
        self.restore()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def hole(self) -> None:
        """Let nothing through in either direction; connections stay open."""
        self._gate.clear()

    def slow(self, delay_s: float) -> None:
        """Keep every chunk back for so long, in each direction."""
        self._delay_s = delay_s

    def reset(self) -> None:
        """Break every connection, and every new one, until restored."""
        self._refusing = True
        for writer in tuple(self._writers):
            writer.transport.abort()

    def restore(self) -> None:
        """Pass everything at once again."""
        self._refusing = False
        self._delay_s = 0.0
        self._gate.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        # Whatever breaks here is a broken connection, which both sides notice by themselves.
        with contextlib.suppress(OSError):
            async with contextlib.AsyncExitStack() as stack:
                stack.callback(self._drop, writer)
                self._writers.add(writer)
                if self._refusing:
                    return
                upstream, onward = await asyncio.open_connection("127.0.0.1", self._target)
                stack.callback(self._drop, onward)
                self._writers.add(onward)
                await self._both_ways(self._pump(reader, onward), self._pump(upstream, writer))

    @staticmethod
    async def _both_ways(*pumps: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(pump) for pump in pumps]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._gate.wait()
            writer.write(data)
            await writer.drain()

    def _drop(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.transport.abort()
