"""The processes of a bench: started, spoken with by lines, bounded in time and ended for certain."""

import contextlib
import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.support.stack import ROOT

ANSWER_S = 60.0
"""Longest that a process may take to answer a line."""
STOP_S = 3.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class BenchProcess:
    """One process that speaks the line protocol of tests/bench/peers/line.py."""

    def __init__(self, command: Sequence[str]) -> None:
        self._popen = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._input, self._output = self._popen.stdin, self._popen.stdout

    def say(self, line: str) -> None:
        """Send one line."""
        self._input.write(line.encode() + b"\n")

    def hear(self) -> str:
        """Return the next line; raises RuntimeError when it does not come."""
        deadline = time.monotonic() + ANSWER_S
        heard = b""
        while not heard.endswith(b"\n"):
            chunk = self._read(max(0, deadline - time.monotonic()))
            if not chunk:
                raise RuntimeError(f"no answer from {self._popen.args!r}")
            heard += chunk
        return heard.decode().strip()

    def ask(self, line: str) -> str:
        """Send one line and return the answer to it."""
        self.say(line)
        return self.hear()

    def dots(self) -> int:
        """Count the jobs that ran since the last call."""
        return self._read(0).count(b".")

    def cpu_s(self) -> float:
        """Processor time used so far, in seconds; as coarse as the kernel's clock tick."""
        fields = Path(f"/proc/{self._popen.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def stop(self) -> None:
        """End it, by force if need be."""
        self._popen.terminate()
        try:
            self._popen.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        self._input.close()
        self._output.close()

    def _read(self, within_s: float) -> bytes:
        readable, _, _ = select.select([self._output], [], [], within_s)
        return os.read(self._output.fileno(), 1 << 20) if readable else b""


@contextlib.contextmanager
def ready(*commands: Sequence[str]) -> Iterator[list[BenchProcess]]:
    """Run processes, one for each command, from the moment that all are ready until the block ends."""
    with contextlib.ExitStack() as stack:
        started = []
        for command in commands:
            started.append(BenchProcess(command))
            stack.callback(started[-1].stop)
        for process in started:
            assert process.hear() == "ready"
        yield started
