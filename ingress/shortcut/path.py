"""The shortcut itself: a plain question whose fresh answer is stored is answered here, all else is passed on.

Who asks, the bucket, the entry, its freshness and how it is told are the long way's own functions; what is
left out is the framework between them. tests/e2e/test_shortcut.py holds both ways to the same cases.
"""

import logging
import time
from functools import partial
from typing import Any, Final, Protocol

from msgspec import Struct
from redis.exceptions import NoScriptError

from ingress import rate, request_id
from ingress.access_log import AccessLog
from ingress.authentication import presented_key
from ingress.context import IngressContext
from ingress.exchange import Looked
from ingress.request_span import describe
from ingress.shortcut import headers
from ingress.shortcut.headers import Said
from ingress.shortcut.leases import Leases
from ingress.shortcut.looking import Looking, Seen
from ingress.shortcut.prepared import Prepared, prepare
from ingress.shortcut.recipes import Recipe, Recipes
from ingress.shortcut.repeats import Repeat, Repeats
from ingress.shortcut.ways import WAYS
from shared import traceparent, tracing
from shared.cache import UNKNOWN, read_found
from shared.clients import Client
from shared.errors import SentinelError

logger = logging.getLogger(__name__)

OK: Final = 200
SCOPE: Final = "query"
"""The scope of a key that all routes with a shortcut need."""


class Request(Protocol):
    """A request that waits for its answer."""

    @property
    def data(self) -> bytes:
        """Its very bytes, when they came alone, in one piece, and just now; else b''."""

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer 200 with these header lines and this body; nothing happens when the caller has gone."""

    def pass_on(self, looked: Looked | None) -> None:
        """Send it the long way, with what is known already."""


class Arrived(Request, Protocol):
    """One that has arrived in whole, as the server offers it."""

    @property
    def scope(self) -> Any:
        """Its ASGI scope."""

    @property
    def body(self) -> bytes:
        """All of its body."""


class _Asking(Struct, frozen=True):
    request: Request
    path: str
    client: Client
    recipe: Recipe
    said: Said
    started: float
    data: bytes = b""


class Shortcut:
    """The short way of one ingress process."""

    def __init__(self, ctx: IngressContext, looking: Looking, log: AccessLog) -> None:
        self._ctx = ctx
        self._looking = looking
        self._log = log
        self._lease_s = ctx.settings.hit_lease_s
        self._leases = Leases(self._lease_s, time.perf_counter)
        self._repeats = Repeats()
        self._recipes = Recipes(ctx, bytes_max=ctx.settings.shortcut_memory_mb << 20)

    @staticmethod
    def may_take(scope: Any) -> bool:
        """Whether a request's body is worth being waited for."""
        return scope["path"] in WAYS and scope["method"] == "POST" and not scope["query_string"]

    def take(self, request: Arrived) -> bool:
        """Take a request over, to answer it or pass it on later; false when it is none for the shortcut."""
        started = time.perf_counter()
        path, said = request.scope["path"], headers.read(request.scope["headers"])
        if said is None:
            return False
        return self._begin(request, Repeat(path, request.body, said), started)

    def knows(self, data: bytes) -> bool:
        """Whether a request of these bytes was answered before."""
        return self._repeats.find(data) is not None

    def repeat(self, data: bytes, request: Request) -> bool:
        """Take over a request that is known by its bytes; false when it is none for the shortcut any more."""
        started, known = time.perf_counter(), self._repeats.find(data)
        return known is not None and self._begin(request, known, started)

    def _begin(self, request: Request, read: Repeat, started: float) -> bool:
        if self._ctx.drain.draining or not self._looking.possible:
            return False
        client = self._client(read.said)
        recipe = None if client is None else self._recipes.of(read.path, client, read.body, read.said)
        if client is None or recipe is None:
            return False
        # What was a hit before may well be one again; its bytes are at hand only now.
        data = request.data if recipe.prepared else b""
        asking = _Asking(request, read.path, client, recipe, read.said, started, data)
        remembered = self._remembered(asking)
        if remembered is None:
            self._looking.look(client, recipe.find, partial(self._seen, asking))
        self._ctx.drain.enter()
        if remembered is not None:
            self._seen(asking, remembered)
        return True

    def _remembered(self, asking: _Asking) -> Seen | None:
        """What Redis said a moment ago, with a token that was taken ahead."""
        recipe = asking.recipe
        if recipe.prepared is None or asking.started - recipe.looked_up_at >= self._lease_s:
            return None
        admission = self._ctx.admission
        tier = admission.tier_of(asking.client)
        rate = self._leases.spend(asking.client, tier, admission.burst(tier))
        return None if rate is None else Seen(rate, recipe.prepared.data, remembered=True)

    def _take_ahead(self, client: Client) -> None:
        admission, asked_at = self._ctx.admission, time.perf_counter()
        tier = admission.tier_of(client)
        wanted = self._leases.wanted(client, tier, admission.burst(tier))
        if wanted:
            self._looking.lease(
                client, wanted, lambda granted: self._leases.granted(client, granted, asked_at)
            )

    def _client(self, said: Said) -> Client | None:
        """Who asks, when that is known at once and they may."""
        try:
            key = presented_key(said.api_key.decode("latin-1"), said.authorization.decode("latin-1"))
            client = self._ctx.callers.known(key)
        except SentinelError:
            return None
        return client if client is not None and SCOPE in client.scopes else None

    def _seen(self, asking: _Asking, seen: Seen | Exception) -> None:
        try:
            prepared = self._prepared(asking, seen)
            if prepared is None or isinstance(seen, Exception):
                asking.request.pass_on(self._looked(asking.recipe.identity, seen))
            elif (begins := tracing.begins()) or asking.said.traceparent:
                self._answer_in_trace(asking, seen, prepared, begins=begins)
            else:
                self._answer(asking, seen, prepared, tracing.NOTHING)
        except Exception:
            logger.exception("the shortcut broke")
            asking.request.pass_on(None)
        finally:
            self._ctx.drain.leave()

    def _prepared(self, asking: _Asking, seen: Seen | Exception) -> Prepared | None:
        """The answer; None when there is none, or the bucket refused."""
        if isinstance(seen, Exception) or seen.data is None or not seen.rate.allowed:
            return None
        recipe, now_ms = asking.recipe, seen.rate.now_ms
        prepared = recipe.prepared
        if prepared is None or not prepared.good_for(seen.data, now_ms):
            prepared = recipe.prepared = prepare(
                *(seen.data, asking.client, recipe.question, recipe.applied, recipe.way.tell),
                *(self._ctx.settings, now_ms),
            )
        return prepared

    def _answer_in_trace(self, asking: _Asking, seen: Seen, prepared: Prepared, *, begins: bool) -> None:
        given = traceparent.valid(asking.said.traceparent.decode("latin-1"))
        token = traceparent.current.set(given)
        try:
            age_s = time.perf_counter() - asking.started
            with tracing.span("request", "server", root=begins, age_s=age_s) as span:
                self._answer(asking, seen, prepared, span)
        finally:
            traceparent.current.reset(token)

    def _answer(self, asking: _Asking, seen: Seen, prepared: Prepared, span: tracing.Span) -> None:
        client, place = asking.client, traceparent.current.get()
        asked_id = request_id.of(asking.said.request_id.decode("latin-1"))
        duration_s = time.perf_counter() - asking.started
        head = b"%bx-request-id: %b\r\n%bserver-timing: total;dur=%.2f\r\n" % (
            *(prepared.head, asked_id.encode(), rate.lines(seen.rate), duration_s * 1000),
        )
        if place:
            head += b"%b: %b\r\n" % (traceparent.RESPONSE_HEADER.encode(), place.encode())
        asking.request.answer(head, prepared.body)
        self._recipes.keep(asking.recipe)
        if asking.data:
            self._repeats.keep(asking.data, Repeat(asking.path, asking.recipe.key[2], asking.said))
        if self._lease_s and not seen.remembered:
            asking.recipe.looked_up_at = asking.started
            self._take_ahead(client)
        self._ctx.savings.book_later(client.tenant, prepared.saved)
        self._ctx.entry_hits.count(asking.recipe.identity)
        self._ctx.tally.add(asking.path, duration_s, prepared.cost)
        if self._log.wanted:
            trace_id = traceparent.trace_id(place)
            self._log.add(asked_id, asking.path, duration_s * 1000, client.key_id, prepared.cache, trace_id)
        if span.recorded:
            describe(span, "POST", asking.path, OK, asked_id, {"cache": prepared.cache})

    def _looked(self, identity: str, seen: Seen | Exception) -> Looked | None:
        """What the long way need not ask again; None when it had better."""
        if isinstance(seen, NoScriptError) or (
            isinstance(seen, Exception) and self._ctx.admission.decides_alone
        ):
            # It loads the scripts into a Redis that has lost them, and goes on without one that is away.
            return None
        if isinstance(seen, Exception):
            return Looked(identity, seen)
        found = read_found((seen.data, seen.purged)) if seen.known else UNKNOWN
        return Looked(identity, (seen.rate, found))
