"""Who waits for which replies on a shared connection: the first reply is for the oldest call that was sent.

Nothing here waits, sends or reads a clock.
"""

import asyncio
from collections import deque
from typing import Any

from redis.exceptions import TimeoutError as RedisTimeoutError


class Call:
    """What one caller sends at once, the replies so far, and where it waits."""

    __slots__ = ("again", "data", "deadline", "done", "replies", "wanted")

    def __init__(self, data: bytes, wanted: int, deadline: float, done: "asyncio.Future[list[Any]]") -> None:
        self.data = data
        self.wanted = wanted
        self.deadline = deadline
        self.done = done
        self.replies: list[Any] = []
        self.again = True
        """Whether it may be sent once more, on a fresh connection."""

    def fail(self, error: Exception) -> None:
        """End the wait, unless the caller has gone."""
        if not self.done.done():
            self.done.set_exception(error)


class Calls:
    """The calls of one connection; all may last equally long, so that the oldest is always due first.

    A call that is given up or cancelled before it was sent never is. One that was sent keeps its place, and
    the reply to it is thrown away.
    """

    def __init__(self) -> None:
        self._queued: deque[Call] = deque()
        self._sent: deque[Call] = deque()
        self._overdue = 0
        """How many of the sent, from the oldest on, have been given up."""

    def __len__(self) -> int:
        return len(self._queued) + len(self._sent)

    @property
    def queued(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._queued)

    @property
    def oldest(self) -> Call:
        """The one that the next reply is for."""
        return self._sent[0]

    def add(self, call: Call) -> None:
        """Queue a call."""
        self._queued.append(call)

    def take_unsent(self) -> bytes:
        """Return what is to be sent, in order, and count it as sent."""
        calls = [call for call in self._queued if not call.done.done()]
        self._queued.clear()
        self._sent.extend(calls)
        return b"".join([call.data for call in calls])

    def answer(self, reply: Any) -> None:
        """Give a reply to the call that it is for."""
        call = self._sent[0]
        call.replies.append(reply)
        if len(call.replies) < call.wanted:
            return
        self._sent.popleft()
        self._overdue = max(0, self._overdue - 1)
        if not call.done.done():
            call.done.set_result(call.replies)

    def give_up(self, now: float) -> None:
        """End the wait of all that are overdue."""
        late = RedisTimeoutError("Redis has not replied in time.")
        while self._overdue < len(self._sent) and self._sent[self._overdue].deadline <= now:
            self._sent[self._overdue].fail(late)
            self._overdue += 1
        while self._queued and self._queued[0].deadline <= now:
            self._queued.popleft().fail(late)

    def next_deadline(self) -> float | None:
        """When to give up next, or None when nobody waits."""
        if self._overdue < len(self._sent):
            return self._sent[self._overdue].deadline
        return self._queued[0].deadline if self._queued else None

    def owed_since(self) -> float | None:
        """When the oldest call that Redis still owes a reply was given up, or None."""
        return self._sent[0].deadline if self._overdue else None

    def requeue(self, error: Exception) -> None:
        """Queue once more, ahead of the others, what was sent on a connection that is lost; else fail it."""
        again = [call for call in self._sent if call.again and not call.done.done()]
        for call in again:
            call.again, call.replies = False, []
        kept = set(map(id, again))
        for call in self._sent:
            if id(call) not in kept:
                call.fail(error)
        self._sent.clear()
        self._overdue = 0
        self._queued.extendleft(reversed(again))

    def fail(self, error: Exception) -> None:
        """End everybody's wait."""
        for call in (*self._sent, *self._queued):
            call.fail(error)
        self._sent.clear()
        self._queued.clear()
        self._overdue = 0
