"""Whose key a request carries: the environment's at once, stored ones remembered for a few seconds."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from shared.api_keys import well_formed
from shared.clients import Client, KeyRing
from shared.errors import InvalidKey, RedisUnavailable
from shared.key_store import KeyStore

REMEMBERED = 10_000
NOTE_USE_EVERY_S = 60.0


class _Remembered(Struct):
    client: Client | None
    ends_at: float
    use_noted_at: float


class Callers:
    """The keys that one ingress knows."""

    def __init__(
        self, ring: KeyRing, store: KeyStore, *, recheck_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ring = ring
        self._store = store
        self._recheck_s = recheck_s
        self._clock = clock
        # By the key itself, in this process's memory alone.
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._listed: dict[str, Client] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def identify(self, key: str | None) -> Client:
        """Return whom a key stands for; raises InvalidKey, and RedisUnavailable when nobody can tell."""
        if not key or not well_formed(key):
            # Only keys of our own form are stored: whatever else is sent costs no trip to Redis.
            return self._ring.identify(key)
        client = self._ring.find(key) or await self._stored(key)
        if client is None:
            raise InvalidKey("This API key is not known, or it has ended.")
        return client

    def known(self, key: str | None) -> Client | None:
        """Whom a key stands for, when that needs no trip to Redis and nothing is to be noted; else None."""
        if not key:
            return None
        client = self._listed.get(key) or self._ring.find(key)
        if client is not None:
            # Only keys that are listed get here, so there are as few.
            self._listed[key] = client
            return client
        now = self._clock()
        known = self._remembered.get(key)
        if known is None or known.ends_at <= now or now - known.use_noted_at >= NOTE_USE_EVERY_S:
            return None
        return known.client

    async def _stored(self, key: str) -> Client | None:
        now = self._clock()
        known = self._remembered.get(key)
        if known is None or known.ends_at <= now:
            known = await self._look_up(key, known.use_noted_at if known else now - NOTE_USE_EVERY_S)
        self._remembered.move_to_end(key)
        if known.client is not None and now - known.use_noted_at >= NOTE_USE_EVERY_S:
            known.use_noted_at = now
            note = asyncio.create_task(self._note_use(key))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
        return known.client

    async def _look_up(self, key: str, use_noted_at: float) -> _Remembered:
        stored, now_ms = await self._store.find(key)
        lives_s = self._recheck_s
        client = None
        if stored is not None and stored.works_at(now_ms):
            client = stored.client()
            if stored.expires_at_ms is not None:
                lives_s = min(lives_s, (stored.expires_at_ms - now_ms) / 1000)
        known = self._remembered[key] = _Remembered(client, self._clock() + lives_s, use_noted_at)
        if len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)
        return known

    async def _note_use(self, key: str) -> None:
        with contextlib.suppress(RedisUnavailable):
            await self._store.used(key)
