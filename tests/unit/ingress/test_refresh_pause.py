"""One ingress asks for the refresh of an answer but once in a while."""

import asyncio

import pytest

from ingress.refresh_pause import REMEMBERED_MAX, RefreshPause

pytestmark = [pytest.mark.unit, pytest.mark.anyio]


class Asked:
    """Counts what is asked for, on a clock that the test sets."""

    def __init__(self, pause_s: float = 30) -> None:
        self.now = 0.0
        self.count = 0
        self.pause = RefreshPause(pause_s, clock=lambda: self.now)

    async def ask(self, job_id: str, at: float) -> int:
        """Ask at a time; returns how often anything was asked for by then."""
        self.now = at
        self.pause.ask(job_id, self._refresh)
        await asyncio.sleep(0)
        return self.count

    async def _refresh(self) -> None:
        self.count += 1


async def test_the_same_answer_is_refreshed_again_after_the_pause_only() -> None:
    """The last attempt may have failed; another answer is another matter."""
    asked = Asked()
    assert [await asked.ask("a", at) for at in (0, 1, 29.9)] == [1, 1, 1]
    assert await asked.ask("b", 29.9) == 2
    assert await asked.ask("a", 30) == 3
    assert await asked.ask("b", 31) == 3


async def test_what_is_remembered_is_bounded() -> None:
    """The oldest is forgotten first: at worst it is asked for twice."""
    asked = Asked()
    for number in range(REMEMBERED_MAX + 1):
        await asked.ask(str(number), 0)
    assert await asked.ask(str(REMEMBERED_MAX), 0) == REMEMBERED_MAX + 1
    assert await asked.ask("0", 0) == REMEMBERED_MAX + 2


async def test_what_is_being_asked_for_ends_with_the_process() -> None:
    """Nobody waits for it, and nothing of it is left behind."""
    pause = RefreshPause(30)
    ended = asyncio.Event()

    async def hanging() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    pause.ask("a", hanging)
    await asyncio.sleep(0)
    await pause.aclose()
    assert ended.is_set()
