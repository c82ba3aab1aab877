"""The log lines of hits: as JSON like all others, gathered, and written together a moment later."""

import asyncio
import logging
import os
import sys
import time
from typing import Final

import msgspec
from msgspec import Struct

SOON_S: Final = 0.02
"""How long lines are gathered; a process that is killed loses as much of its log."""
GATHERED_MAX: Final = 1_000


class Line(Struct, frozen=True):
    """One request that was answered, in the fields of shared/logs.py."""

    time: str
    request_id: str
    endpoint: str
    ms: float
    key: str
    cache: str
    level: str = "info"
    process: str = "ingress"
    logger: str = "ingress.access"
    message: str = "request"
    method: str = "POST"
    status: int = 200


class TracedLine(Line, frozen=True):
    """One that belongs to a trace."""

    trace_id: str = ""


class AccessLog:
    """Gathers lines for stderr; nothing is gathered where `ingress.access` does not log at `info`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._encode = msgspec.json.Encoder().encode
        self._lines: list[bytes] = []
        self._second = 0
        self._shown = ""
        self.wanted = logging.getLogger("ingress.access").isEnabledFor(logging.INFO)

    def add(
        self, request_id: str, endpoint: str, ms: float, key: str, cache: str, trace_id: str = ""
    ) -> None:
        """Gather one line; '' for a request without a trace."""
        told = (self._now(), request_id, endpoint, round(ms, 2), key, cache)
        line = TracedLine(*told, trace_id=trace_id) if trace_id else Line(*told)
        self._lines.append(self._encode(line))
        if len(self._lines) == 1:
            self._loop.call_later(SOON_S, self.write)
        elif len(self._lines) >= GATHERED_MAX:
            self.write()

    def write(self) -> None:
        """Write what has been gathered."""
        if self._lines:
            data = b"\n".join(self._lines) + b"\n"
            self._lines.clear()
            sys.stderr.flush()
            _write_all(data)

    def _now(self) -> str:
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._shown = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._shown}.{int((now - second) * 1000):03d}Z"


def _write_all(data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(sys.stderr.fileno(), view) :]
    except OSError:
        # Nobody reads the log any more; that is no reason to stop answering.
        return
