"""The singletons of one ingress process, built in one place and passed explicitly."""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from redis.asyncio import Redis

from ingress.admission import Admission
from ingress.batches.store import BatchStore
from ingress.bound_watch import BoundWatch
from ingress.breaker_watch import BreakerWatch
from ingress.budget_watch import BudgetWatch
from ingress.callers import Callers
from ingress.connections import connected
from ingress.drain import Drain
from ingress.hub import WaiterHub
from ingress.local_rate import LocalRate
from ingress.peers import Peers
from ingress.queue_watch import QueueWatch
from ingress.refresh_pause import RefreshPause
from ingress.savings import Savings
from ingress.tally import Tally
from shared.breakers import Breakers, policy_of
from shared.clients import key_ring
from shared.embeddings import EmbeddingCache
from shared.entry_list import EntryHits
from shared.feedback import Feedback
from shared.heartbeats import Heartbeats
from shared.idempotency import FirstAnswers
from shared.jobs import JobQueue
from shared.key_store import KeyStore
from shared.ledger import Ledger
from shared.own_budgets import OwnBudgets
from shared.pepper import pepper_of
from shared.providers import provider_names
from shared.purging import Purge
from shared.rates import Rates
from shared.redis.roles import RedisRoles
from shared.settings import Settings
from shared.shards import JobShards
from shared.tallies import TallyStore
from shared.tasks import cancel
from shared.tiers import Tiers, tiers_of
from shared.tokens import TokenStreams
from shared.wrong_pairs import WrongPairs

logger = logging.getLogger(__name__)

LEDGER_DEADLINE_S = 2.0
"""A year of a tenant's ledger is read in one go; a caller who asks for it can wait that long."""
DEVELOPMENT_SECRET = b"sentinel/development"
"""Fingerprints without a secret of one's own; `load` refuses that in production."""


class IngressContext(Struct, frozen=True, kw_only=True):
    """Everything a handler needs."""

    settings: Settings
    fingerprint_secret: bytes
    callers: Callers
    key_store: KeyStore
    queue: Redis
    further_queues: tuple[Redis, ...]
    cache: Redis
    redis_roles: RedisRoles
    admission: Admission
    tiers: Tiers
    first_answers: FirstAnswers
    peers: Peers
    jobs: JobShards
    tokens: TokenStreams
    heartbeats: Heartbeats
    ledger: Ledger
    budget_watch: BudgetWatch
    savings: Savings
    tally: Tally
    rates: Rates
    entry_hits: EntryHits
    hub: WaiterHub
    breakers: Breakers
    breaker_watch: BreakerWatch
    queue_watch: QueueWatch
    purge: Purge
    feedback: Feedback
    refresh_pause: RefreshPause
    drain: Drain
    draining: "asyncio.Task[None]"
    closing: "asyncio.Task[None]"
    """Done when the drain's time is over: streams that go on until then say that they break off."""
    leaving: "set[asyncio.Task[None]]"
    embeddings: EmbeddingCache
    batches: BatchStore
    batch_bell: asyncio.Event
    """Set when a batch was handed in here: it need not wait for the next look."""


@asynccontextmanager
async def ingress_context(settings: Settings) -> AsyncIterator[IngressContext]:
    """Connect to Redis and start listening.

    Raises RedisUnavailable when Redis stays away, and BadSetting when the queue Redis may lose accepted jobs
    in production.
    """
    ingress_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with AsyncExitStack() as stack:
        connections = await connected(stack, settings, ingress_id)
        queues, cache = connections.queues, connections.cache
        queue = queues[0]
        # Waiting for a connection, connecting and the reply have a deadline each; together they get two.
        deadline_s = 2 * settings.redis_timeout_s
        jobs = JobShards([JobQueue(shard, deadline_s=deadline_s) for shard in queues])
        drain = Drain()
        hub = _running(stack, WaiterHub(connections.listening, jobs, ingress_id, settings.waiters_max))
        rates = _running(stack, Rates(queue))
        breakers = Breakers(queue, policy_of(settings))
        peers = _running(stack, Peers(queue, ingress_id))
        tiers = tiers_of(settings)
        key_store = KeyStore(queue, pepper_of(settings.key_pepper, settings.fingerprint_secret))
        yield IngressContext(
            settings=settings,
            fingerprint_secret=_fingerprint_secret(settings),
            callers=_callers(settings, key_store),
            key_store=key_store,
            queue=queue,
            further_queues=queues[1:],
            cache=cache,
            redis_roles=connections.roles,
            admission=Admission(
                queue, cache, jobs, settings, tiers=tiers, local=_local_rate(settings, peers)
            ),
            tiers=tiers,
            first_answers=FirstAnswers(queue, kept_s=settings.idempotency_ttl_s, deadline_s=deadline_s),
            peers=peers,
            jobs=jobs,
            tokens=TokenStreams(queues, deadline_s=deadline_s),
            heartbeats=Heartbeats(queue),
            ledger=Ledger(queues, deadline_s=LEDGER_DEADLINE_S),
            budget_watch=await _budget_watch(stack, OwnBudgets(queue, deadline_s=deadline_s)),
            savings=_savings(stack, queue, rates),
            rates=rates,
            entry_hits=_hits(stack, cache),
            tally=_tally(stack),
            hub=hub,
            breakers=breakers,
            breaker_watch=_running(stack, BreakerWatch(breakers, provider_names(settings))),
            queue_watch=_running(stack, QueueWatch(queues, settings)),
            purge=Purge(cache, queues, deadline_s=deadline_s),
            feedback=_feedback(stack, jobs, queue, settings),
            refresh_pause=_refresh_pause(stack, settings),
            drain=drain,
            draining=_background(stack, drain.begun()),
            closing=_background(stack, drain.over()),
            leaving=set(),
            embeddings=EmbeddingCache(cache),
            batches=BatchStore(queue, deadline_s=deadline_s, keep_s=settings.batch_kept_s),
            batch_bell=asyncio.Event(),
        )


def _fingerprint_secret(settings: Settings) -> bytes:
    secret = settings.fingerprint_secret
    return secret.reveal().encode() if secret else DEVELOPMENT_SECRET


def _callers(settings: Settings, store: KeyStore) -> Callers:
    ring = key_ring(settings.user_keys, settings.admin_keys)
    if not ring.clients:
        logger.warning("no API key is configured: set SENTINEL_USER_KEYS")
    return Callers(ring, store, recheck_s=settings.key_recheck_s)


def _local_rate(settings: Settings, peers: Peers) -> LocalRate | None:
    return LocalRate(lambda: peers.known) if settings.rate_without_redis == "local" else None


async def _budget_watch(stack: AsyncExitStack, budgets: OwnBudgets) -> BudgetWatch:
    watch = BudgetWatch(budgets)
    # Nobody is to buy under the settings' budget in the first second because their own is not known yet.
    await watch.look()
    return _running(stack, watch)


def _savings(stack: AsyncExitStack, queue: Redis, rates: Rates) -> Savings:
    savings = Savings(queue, rates)
    stack.push_async_callback(rates.write)
    stack.push_async_callback(savings.book)
    return _running(stack, savings)


def _hits(stack: AsyncExitStack, cache: Redis) -> EntryHits:
    hits = EntryHits(cache)
    stack.push_async_callback(hits.write)
    return _running(stack, hits)


class _Runs(Protocol):
    async def run(self) -> None: ...


Running = TypeVar("Running", bound=_Runs)


def _running(stack: AsyncExitStack, what: Running) -> Running:
    """Let it run until the process ends."""
    _background(stack, what.run())
    return what


def _tally(stack: AsyncExitStack) -> Tally:
    tally = Tally()
    stack.callback(tally.hand_over)
    return _running(stack, tally)


def _refresh_pause(stack: AsyncExitStack, settings: Settings) -> RefreshPause:
    pause = RefreshPause(settings.refresh_pause_s)
    stack.push_async_callback(pause.aclose)
    return pause


def _feedback(stack: AsyncExitStack, jobs: JobShards, home: Redis, settings: Settings) -> Feedback:
    """What callers say of answers, and what is shown of it."""
    store = TallyStore(home, remembered=settings.bound_memory)
    _background(stack, BoundWatch(store, settings).run())
    return Feedback(jobs, store, WrongPairs(home, kept=settings.wrong_pairs_kept))


def _background(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    task = asyncio.create_task(work)

    stack.push_async_callback(cancel, [task])
    return task
