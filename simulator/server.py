"""Runs the application under uvicorn: announces itself, can cut a connection, ends cleanly on a signal."""

import os
import signal
import socket
import sys
from types import FrameType
from typing import Any, NoReturn

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from simulator.app import Application
from simulator.exchange import CUT_EXTENSION
from simulator.settings import Settings
from simulator.simulation import Simulation

_DRAIN_S = 1


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, which end the process with status 0 within about a second."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _leave)
    if settings.log is None:
        _serve(Simulation(settings))
        return
    with settings.log.open("ab", buffering=0) as sink:
        _serve(Simulation(settings, sink=sink))


def _serve(simulation: Simulation) -> None:
    settings = simulation.settings
    config = uvicorn.Config(
        Application(simulation),
        host=settings.host,
        port=settings.port,
        http=_CuttableProtocol,
        ws="none",
        lifespan="off",
        access_log=False,
        # Scripted hangs are cancelled at the end, which uvicorn would report as errors.
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    _AnnouncedServer(config, simulation).run()


class _AnnouncedServer(uvicorn.Server):
    """Prints one JSON line as soon as connections are accepted."""

    def __init__(self, config: uvicorn.Config, simulation: Simulation) -> None:
        super().__init__(config)
        self._simulation = simulation

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        settings = self._simulation.settings
        try:
            await super().startup(sockets)
        except SystemExit:
            # uvicorn's own words for it are silenced with its other ones.
            sys.stderr.write(f"simulator: cannot listen on {settings.host}:{settings.port}\n")
            raise
        port = self.servers[0].sockets[0].getsockname()[1] if self.started else settings.port
        line: dict[str, Any] = {
            "event": "ready",
            "simulated": True,
            "notice": "SIMULATOR: stands in for Groq and Jina; no model answers here",
            "url": f"http://{settings.host}:{port}",
            "host": settings.host,
            "port": port,
            "pid": os.getpid(),
            "run": self._simulation.calls.run,
            "log": str(settings.log) if settings.log else None,
        }
        sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        sys.stdout.flush()


class _CuttableProtocol(HttpToolsProtocol):
    """Lets the application close the connection in the middle of a reply, or before it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {CUT_EXTENSION: self.transport.close}  # type: ignore[dict-item]


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    # uvicorn raises its signal again after it has drained, and this is where it arrives.
    del number, frame
    raise SystemExit(0)
