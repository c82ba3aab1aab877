"""uvicorn, with a stop that drains first: readiness off, new work refused, and what is in flight finished."""

import asyncio
import logging
import os
from types import FrameType

import uvicorn
from litestar.types import ASGIApp

from ingress.drain import Drain
from shared.settings import Settings

logger = logging.getLogger(__name__)

KEEP_ALIVE_S = 75
"""Longer than the 60 s after which most proxies drop idle connections, so that they close first."""
CLOSING_S = 1
"""After the drain, what is left to close is idle connections."""


class DrainingServer(uvicorn.Server):
    """Keeps listening while it drains, so that new callers get a clear 503 and not a refused connection."""

    def __init__(self, app: ASGIApp, drain: Drain, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                loop="uvloop",
                http="httptools",
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
        self._drain = drain
        self._drain_s = settings.drain_s
        self._draining: asyncio.Task[None] | None = None

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
        self.should_exit = True
