"""Tells a job's tokens as they come, once each, however often the provider has to begin anew.

An attempt that follows one which had told some tokens is silent until it has said the same again. When it
says something else, it is silent to its end: whoever listened learns from the outcome that they do not fit.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
from redis.exceptions import RedisError

from shared.tasks import cancel
from shared.tokens import Verdict, is_verdict
from shared.wire.outcome import Match
from workers.leases import LeaseLost

logger = logging.getLogger(__name__)

PAUSE_S: Final = 0.02
"""Tokens that come within so long of the last telling are gathered: a reader sees no difference."""

Append = Callable[[Sequence[bytes]], Awaitable[bool]]


class Telling:
    """The tokens of one job under one lease; `told` are the events of earlier leases."""

    def __init__(self, append: Append, told: Sequence[bytes] = ()) -> None:
        self._append = append
        self._judged = any(map(is_verdict, told))
        self._verdict: asyncio.Task[None] | None = None
        self._told_text, self._told_others = _split(told)
        self._heard_text, self._heard_others = 0, 0
        self._silent = False
        self._lost = False
        self._waiting: list[bytes | str] = []
        self._told_at = -PAUSE_S
        self._timer: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self.first_at: float | None = None
        """When the last call's first token came, on `time.monotonic`."""

    def judge(self, match: Match | None) -> None:
        """Tell what the cache had, once in a job's life; the question need not wait for that."""
        if not self._judged:
            self._judged = True
            self._verdict = asyncio.create_task(self._tell(msgspec.json.encode(Verdict(match))))

    async def _tell(self, verdict: bytes) -> None:
        with contextlib.suppress(RedisError, OSError):
            # A lease that is lost is found out by the first token.
            await self._append([verdict])

    def begin(self) -> None:
        """A call begins, perhaps not the first."""
        self._heard_text, self._heard_others = 0, 0
        self.first_at = None

    async def hear(self, choices: Sequence[dict[str, Any]]) -> None:
        """Take the choices of one chunk; raises LeaseLost."""
        if self._lost:
            raise LeaseLost
        if self.first_at is None and choices:
            self.first_at = time.monotonic()
        for choice in choices:
            self._take(choice)
        if not self._waiting:
            return
        wait_s = self._told_at + PAUSE_S - asyncio.get_running_loop().time()
        if wait_s <= 0:
            await self.flush()
        elif self._timer is None:
            self._timer = asyncio.create_task(self._later(wait_s))

    async def flush(self) -> None:
        """Tell what was gathered; raises LeaseLost. While Redis is away it is kept for the next time."""
        if self._verdict is not None:
            # It comes first; by the time of the first token it has long been told.
            await asyncio.wait({self._verdict})
        async with self._lock:
            events, gathered = _events(self._waiting), len(self._waiting)
            if not events:
                return
            self._told_at = asyncio.get_running_loop().time()
            try:
                mine = await self._append(events)
            except (RedisError, OSError) as error:
                logger.warning("tokens not told", extra={"error": type(error).__name__})
                return
            del self._waiting[:gathered]
            if not mine:
                self._lost = True
                raise LeaseLost

    async def end(self) -> None:
        """Tell the rest; raises LeaseLost."""
        if self._timer is not None:
            await cancel([self._timer])
            self._timer = None
        await self.flush()

    async def _later(self, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        self._timer = None
        try:
            await self.flush()
        except LeaseLost:
            # The next chunk finds out as well, and ends the call.
            return

    def _take(self, choice: dict[str, Any]) -> None:
        delta = {
            name: value for name, value in (choice.get("delta") or {}).items() if value not in (None, "")
        }
        if choice.get("index") == 0:
            delta.pop("role", None)
        logprobs = choice.get("logprobs")
        if self._silent or not (delta or logprobs):
            return
        if choice.get("index") == 0 and set(delta) == {"content"} and not logprobs:
            self._take_text(delta["content"])
        else:
            told = {"index": choice.get("index"), "delta": delta, "finish_reason": None}
            self._take_other(msgspec.json.encode([told | ({"logprobs": logprobs} if logprobs else {})]))

    def _take_text(self, text: str) -> None:
        start = self._heard_text
        self._heard_text += len(text)
        again = self._told_text[start : self._heard_text]
        if not text.startswith(again):
            self._silent = True
            return
        if len(again) < len(text):
            self._waiting.append(text[len(again) :])
            self._told_text += text[len(again) :]

    def _take_other(self, event: bytes) -> None:
        self._heard_others += 1
        if self._heard_others > len(self._told_others):
            self._waiting.append(event)
            self._told_others.append(event)
        elif self._told_others[self._heard_others - 1] != event:
            self._silent = True


def text_event(text: str) -> bytes:
    """The event that adds text to the first choice."""
    return msgspec.json.encode([{"index": 0, "delta": {"content": text}, "finish_reason": None}])


def text_in(event: bytes) -> str | None:
    """The text that an event adds to the first choice; None when it is more than that."""
    choices = msgspec.json.decode(event)
    if len(choices) == 1 and "logprobs" not in choices[0] and choices[0]["index"] == 0:
        delta = choices[0]["delta"]
        if set(delta) == {"content"}:
            text: str = delta["content"]
            return text
    return None


def _split(told: Sequence[bytes]) -> tuple[str, list[bytes]]:
    texts = [(event, text_in(event)) for event in told if not is_verdict(event)]
    return "".join(text for _, text in texts if text is not None), [e for e, text in texts if text is None]


def _events(waiting: Sequence[bytes | str]) -> list[bytes]:
    """Texts that follow one another are one event."""
    found: list[bytes] = []
    run = ""
    for one in waiting:
        if isinstance(one, str):
            run += one
            continue
        if run:
            found.append(text_event(run))
            run = ""
        found.append(one)
    return [*found, text_event(run)] if run else found
