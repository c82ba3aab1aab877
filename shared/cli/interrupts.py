"""Ctrl-C and its relatives: once to stop, twice to stop at once."""

import asyncio
import signal
from typing import Final

_SAME_S: Final = 0.5


class Interrupts:
    """Two events that signals set: `stop` by the first one, `kill` by a later one."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.kill = asyncio.Event()
        self._first_at = 0.0

    def listen(self) -> None:
        """Take SIGINT, SIGTERM and SIGHUP from now on; the last one not where it was ignored (nohup)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, lambda: self.arrived(loop.time()))

    def arrived(self, now_s: float) -> None:
        """Note one signal at a monotonic time, in seconds."""
        if not self.stop.is_set():
            self._first_at = now_s
            self.stop.set()
        # `make` passes on a signal that the terminal has already sent: both are one wish.
        elif now_s - self._first_at >= _SAME_S:
            self.kill.set()
