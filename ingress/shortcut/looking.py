"""Takes a token and looks an entry up: one round trip that all requests of a turn of the loop share.

With a cache Redis of its own there are two at once, and only the queue's decides.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from msgspec import Struct
from redis.exceptions import RedisError

from ingress.admission import Admission
from ingress.rate import Rate
from ingress.shortcut.leases import Granted
from shared.clients import Client
from shared.redis.multiplex import Multiplex, succeeded
from shared.redis.protocol import packed
from shared.redis.scripts import script

CLIENTS_MAX: Final = 10_000


class Seen(Struct, frozen=True):
    """What Redis said: the bucket, and the entry's bytes. `purged` is the newest purge of the question.

    `known` is false when the cache could not be read; `remembered` is what was not asked just now.
    """

    rate: Rate
    data: bytes | None = None
    purged: bytes | None = None
    known: bool = True
    remembered: bool = False


Then = Callable[[Seen | Exception], None]
Replies = asyncio.Future[list[Any]]


class Looking:
    """The shared connections of one ingress, to the queue Redis and to the cache if that is another."""

    def __init__(self, admission: Admission, queue: Multiplex, cache: Multiplex | None) -> None:
        self._admission = admission
        self._queue = queue
        self._cache = cache
        self._takes: dict[Client, bytes] = {}

    @property
    def possible(self) -> bool:
        """Whether Redis is there, as far as is known: without it, the long way knows what to do."""
        return not self._admission.cache_away and self._admission.state == "shared"

    def look(self, client: Client, find: bytes, then: Then) -> None:
        """Ask; `then` is called with what comes of it. Raises redis-py's ConnectionError if nothing can."""
        if self._cache is None:
            self._queue.send(self._take(client) + find, 2).add_done_callback(
                partial(self._both, client, then)
            )
            return
        cached = self._cache.send(find, 1)
        self._queue.send(self._take(client), 1).add_done_callback(
            lambda taken: cached.add_done_callback(partial(self._each, client, then, taken))
        )

    def lease(self, client: Client, requests: int, then: Callable[[Granted | None], None]) -> None:
        """Take tokens ahead; `then` is called with what was granted, None when nobody can tell."""

        def took(done: Replies) -> None:
            try:
                ((granted, tokens, now_ms),) = succeeded(done.result())
            except (RedisError, OSError):
                then(None)
                return
            then(Granted(int(granted), float(tokens), int(now_ms)))

        command = script("lease_tokens").command(*self._admission.lease_call(client, requests))
        self._queue.send(packed(command), 1).add_done_callback(took)

    def _both(self, client: Client, then: Then, done: Replies) -> None:
        try:
            taken, (data, purged) = succeeded(done.result())
        except (RedisError, OSError) as error:
            then(error)
            return
        then(Seen(self._admission.rate_of(client, taken), data, purged))

    def _each(self, client: Client, then: Then, taking: Replies, finding: Replies) -> None:
        try:
            (taken,) = succeeded(taking.result())
        except (RedisError, OSError) as error:
            finding.exception()
            then(error)
            return
        rate = self._admission.rate_of(client, taken)
        try:
            ((data, purged),) = succeeded(finding.result())
        except (RedisError, OSError) as error:
            self._admission.cache_failed(error)
            then(Seen(rate, known=False))
            return
        then(Seen(rate, data, purged))

    def _take(self, client: Client) -> bytes:
        command = self._takes.get(client)
        if command is None:
            if len(self._takes) >= CLIENTS_MAX:
                self._takes.clear()
            command = packed(script("take_tokens").command(*self._admission.hit_call(client)))
            self._takes[client] = command
        return command
