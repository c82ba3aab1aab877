"""Who is under a fault: no two faults hit one process, so that what follows can be told apart."""

import asyncio
from collections.abc import Iterable, Sequence


class Targets:
    """Names that are taken by one fault each; takers wait."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._released = asyncio.Condition()

    def is_taken(self, name: str) -> bool:
        """Whether a fault has this one."""
        return name in self._taken

    async def take_one(self, names: Sequence[str]) -> str:
        """Take the first free one, in the order given; waits when none is."""
        async with self._released:
            while True:
                free = next((name for name in names if name not in self._taken), None)
                if free is not None:
                    self._taken.add(free)
                    return free
                await self._released.wait()

    async def take_all(self, names: Iterable[str]) -> None:
        """Take every one as it becomes free; always in one order, so that two such takers never stick."""
        for name in sorted(names):
            await self.take_one([name])

    async def release(self, names: Iterable[str]) -> None:
        """Give back."""
        async with self._released:
            self._taken.difference_update(names)
            self._released.notify_all()
