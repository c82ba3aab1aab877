"""Keeping children alive, waiting for them to be ready, and stopping them in order."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final

from shared.cli.child_logs import last_lines
from shared.cli.errors import CannotStart
from shared.cli.processes import Child
from shared.cli.terminal import say

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 5.0
_STEADY_S: Final = 30.0  # a child that lived this long starts again at the shortest delay
_PROBE_EVERY_S: Final = 0.05


def next_delay(last_s: float, lived_s: float) -> float:
    """The pause before a restart, in seconds: doubled after each short life; `last_s` is 0 at first."""
    return FIRST_DELAY_S if lived_s >= _STEADY_S else min(max(FIRST_DELAY_S, last_s * 2), LONGEST_DELAY_S)


def ending(exit_code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with status {exit_code}"


async def keep_running(child: Child, on_end: Callable[[int], None]) -> None:
    """Restart the child whenever it ends, for ever; `on_end` is given the process id that is gone."""
    clock = asyncio.get_running_loop().time
    delay_s, started_at = 0.0, clock()
    while True:
        code = await child.wait()
        on_end(child.pid or 0)
        delay_s = next_delay(delay_s, clock() - started_at)
        say(f"{child.spec.name} {ending(code)}; starting it again in {delay_s:g} s (see {child.spec.log})")
        await asyncio.sleep(delay_s)
        started_at = clock()
        try:
            await child.start()
        except OSError as error:  # then the wait above ends at once, and the pauses grow
            say(f"{child.spec.name} cannot be started: {error}")


async def until_ready(
    ready: Callable[[], Awaitable[bool]], children: Sequence[Child], *, within_s: float
) -> None:
    """Probe until ready; raises CannotStart, with the end of its log, when a child ends or is too slow."""
    try:
        async with asyncio.timeout(within_s):
            while not await ready():
                for child in children:
                    if child.exit_code is not None:
                        raise CannotStart(
                            f"{child.spec.name} {ending(child.exit_code)} before it was ready.\n{_log(child)}"
                        )
                await asyncio.sleep(_PROBE_EVERY_S)
    except TimeoutError:
        logs = "\n".join(_log(child) for child in children)
        raise CannotStart(f"{children[0].spec.name} was not ready after {within_s:g} s.\n{logs}") from None


async def stop_in_order(stages: Sequence[Sequence[Child]]) -> None:
    """Stop one stage after the other, the children of a stage together."""
    for stage in stages:
        await asyncio.gather(*(child.stop() for child in stage))


async def unless(event: asyncio.Event, work: Coroutine[None, None, None]) -> bool:
    """Do the work, or abandon it as soon as the event is set; returns whether the work was done."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait((doing, waiting), return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            await doing
            return True
        return False
    finally:
        for task in (doing, waiting):
            task.cancel()
        await asyncio.gather(doing, waiting, return_exceptions=True)


def _log(child: Child) -> str:
    lines = last_lines(child.spec.log) or ["(it is empty)"]
    return "\n".join((f"The end of {child.spec.log}:", *(f"  {line}" for line in lines)))
