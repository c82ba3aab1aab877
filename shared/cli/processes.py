"""One child process: started in its own group, stopped within its time, never left behind."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

_PR_SET_PDEATHSIG: Final = 1


class Spec(Struct, frozen=True, kw_only=True):
    """How to start one process; `patience_s` is the time it gets between SIGTERM and SIGKILL."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    log: Path
    patience_s: float


class Child:
    """A process that may be started again after it has ended."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the last start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the last start ended, negative for a signal; None while it runs or before any."""
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Start the process with its output appended to the log; raises OSError when it cannot be."""
        with self.spec.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.spec.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.spec.environ,
                umask=0o077,
                # Its own group: the terminal's Ctrl-C reaches the supervisor alone, which stops in order.
                process_group=0,
                preexec_fn=_end_with_parent(),
            )

    async def wait(self) -> int:
        """Wait for the end of the last start and return its exit code, negative for a signal."""
        if self._process is None:
            raise RuntimeError(f"{self.spec.name} was never started")
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask the process to end, and kill it and all that it started when its time is over."""
        if self._process is None or self.exit_code is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.spec.patience_s):
                await self._process.wait()
        _kill_group(self._process.pid)
        await self._process.wait()

    def kill(self) -> None:
        """Kill the process and whatever it started; nothing happens when it has already ended."""
        if self._process is not None and self.exit_code is None:
            _kill_group(self._process.pid)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _end_with_parent() -> Callable[[], None] | None:
    """What a child does before its program starts, so that a killed supervisor leaves nothing running."""
    if sys.platform != "linux":
        return None
    parent, library = os.getpid(), ctypes.CDLL(None)

    def in_child() -> None:
        library.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)

    return in_child
