"""The state of one simulator process, passed explicitly to whoever needs it."""

import random
import secrets
import time
from collections.abc import Callable
from typing import BinaryIO

from simulator.calls import CallLog
from simulator.script import Script
from simulator.settings import Settings


class Simulation:
    """Settings, script, call log, clock (Unix seconds) and seeded draws of one process."""

    def __init__(
        self,
        settings: Settings,
        *,
        sink: BinaryIO | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.draws = random.Random(settings.seed)  # noqa: S311 - latencies, not secrets
        self.script = Script()
        # A restarted simulator numbers its calls from one again; its run tells them apart in one file.
        self.calls = CallLog(run=secrets.token_hex(4), kept=settings.kept_calls, sink=sink)
