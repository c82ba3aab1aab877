"""uvicorn, with a stop that drains first: readiness off, new work refused, and what is in flight finished."""

import asyncio
import contextlib
import logging
import os
import resource
import socket
import sys
from collections.abc import Iterator
from functools import partial
from types import FrameType
from typing import cast

import uvicorn
from litestar.types import ASGIApp

from ingress.drain import Drain
from ingress.protocol import Bounds
from ingress.repeating import RepeatingProtocol
from ingress.shortcut.path import Shortcut
from shared.settings import Settings

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 75
"""Longer than the 60 s after which most proxies drop idle connections, so that they close first."""
LAST_S = 0.1
"""From the end of listening to the end of serving: whoever had just connected is refused, and not cut off."""
CLOSING_S = 1
"""After the drain, what is left to close is idle connections."""


HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
"""On every response, whichever way it took."""
FILES_MAX = 1 << 20
"""More than any setting asks for; some systems call their limit endless and do not mean it."""
SPARE_FILES = 256
"""Open files that are no callers' connections: Redis, logs, metrics."""


def _offering(shortcut: Shortcut, settings: Settings) -> type[asyncio.Protocol]:
    bounds = Bounds(
        connections_max=min(settings.connections_max, _files_max() - SPARE_FILES),
        header_max_bytes=settings.header_max_bytes,
        read_s=settings.read_s,
    )
    # uvicorn takes anything that makes a protocol, and is typed for classes alone.
    return cast("type[asyncio.Protocol]", partial(RepeatingProtocol, shortcut, bounds))


def _files_max() -> int:
    """Raise this process's limit of open files to what it may be, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else min(hard, FILES_MAX)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def _waiting(listening: socket.socket) -> Iterator[socket.socket]:
    """Take in whoever waits at a listening socket; never waits itself."""
    listening.setblocking(False)  # noqa: FBT003 - its only argument
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            connection.setblocking(False)  # noqa: FBT003 - its only argument
            yield connection


class DrainingServer(uvicorn.Server):
    """Keeps listening while it drains, so that new callers get a clear 503 and not a refused connection."""

    def __init__(self, app: ASGIApp, shortcut: Shortcut, drain: Drain, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http=_offering(shortcut, settings),
                ws="none",
                headers=HEADERS,
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                # No header of a caller may say who it is; a proxy in front is configured where it stands.
                proxy_headers=False,
                date_header=True,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=CLOSING_S,
            )
        )
        self._admin_port = settings.admin_port
        self._drain = drain
        self._drain_s = settings.drain_s
        self._draining: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the callers' port, and on the administrators' if there is one; exits if one is taken."""
        await super().startup(sockets)
        if self._admin_port and not self.should_exit:
            await self._listen_too(self._admin_port)

    def _protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )

    async def _stop_listening(self, server: asyncio.Server) -> None:
        """Close a server, and serve who has connected and was not taken in: the kernel would reset them."""
        kept = [socket.socket(fileno=os.dup(one.fileno())) for one in server.sockets]
        server.close()
        taken = [connection for one in kept for connection in _waiting(one)]
        for one in kept:
            one.close()
        loop = asyncio.get_running_loop()
        for connection in taken:
            # One that has gone again must not keep the process from stopping.
            with contextlib.suppress(OSError):
                await loop.connect_accepted_socket(self._protocol, connection)

    async def _listen_too(self, port: int) -> None:
        loop, config = asyncio.get_running_loop(), self.config
        try:
            self.servers.append(await loop.create_server(self._protocol, config.host, port))
        except OSError as error:
            logger.error("cannot listen", extra={"port": port, "error": str(error)})  # noqa: TRY400
            sys.exit(1)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain at the first signal; exit at once at the second."""
        del sig, frame
        if self._draining is not None:
            os._exit(1)
        self._draining = asyncio.get_event_loop().create_task(self._drain_and_exit())

    async def _drain_and_exit(self) -> None:
        self._drain.begin()
        logger.info("draining", extra={"in_flight": self._drain.in_flight})
        if not await self._drain.idle(self._drain_s):
            logger.warning("drain time is over", extra={"in_flight": self._drain.in_flight})
            self._drain.end()
        # There are none yet when the signal came during the start.
        for server in getattr(self, "servers", ()):
            await self._stop_listening(server)
        await asyncio.sleep(LAST_S)
        self.should_exit = True
