"""Probes and metrics: alive, ready, and how it goes."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Literal

import msgspec
from litestar import MediaType, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromQuery

from ingress.authentication import needs
from ingress.context import IngressContext
from shared import exposition
from shared.errors import RedisUnavailable
from shared.heartbeats import Heartbeat
from shared.redis import keys
from shared.redis.connect import translated

OK, UNAVAILABLE = 200, 503
FURTHER_QUEUE: Final = "queue_redis_"
DEADLINE_S: Final = 0.9
"""Most time one probe of one Redis takes."""
# No job has this id. Deleting nothing is still a write, so a replica and a full disk refuse it, as they do
# every request; a ping they would answer.
_NOTHING: Final = keys.job("readiness")


@get(
    "/livez",
    opt=needs("open"),
    summary="Is the process alive?",
    tags=["operations"],
    responses={OK: ResponseSpec(dict[str, str], description="It is.")},
)
async def livez() -> Response[bytes]:
    """Answer 200 as long as the process runs; looks at nothing else."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@get(
    ["/readyz", "/health"],
    opt=needs("open"),
    summary="Can it serve?",
    tags=["operations"],
    responses={
        OK: ResponseSpec(dict[str, Any], description="It can: `ok` or `degraded`."),
        UNAVAILABLE: ResponseSpec(dict[str, Any], description="It cannot."),
    },
)
async def readyz(
    ctx: NamedDependency[IngressContext], verbose: FromQuery[str | None] = None
) -> Response[bytes]:
    """Answer 200 when the queue Redis takes writes and this process is not stopping, else 503.

    `?verbose` says why. Without its cache Redis, or one queue of several, it is degraded: answers cost more,
    or some cannot be had, but there are some.
    """
    checks, workers = await asyncio.gather(_checks(ctx), _workers(ctx))
    status = readiness(checks, admits_alone=ctx.settings.rate_without_redis == "local")
    body: dict[str, Any] = {"status": status}
    if verbose is not None:
        body["checks"] = checks
        # No worker is no reason to be unready: exact hits are served all the same.
        body["workers"] = workers
        body["queue"] = ctx.queue_watch.latest
        body["breakers"] = ctx.breaker_watch.seen
        body["admission"] = {
            "without_redis": ctx.settings.rate_without_redis,
            "buckets": ctx.admission.state,
            "ingresses": ctx.peers.known,
        }
        body["in_flight"] = ctx.drain.in_flight
        body["redis"] = ctx.redis_roles
    return Response(
        msgspec.json.encode(body),
        status_code=UNAVAILABLE if status == "unavailable" else OK,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@get(
    "/metrics",
    opt=needs("open", unless="metrics_access"),
    summary="Prometheus metrics",
    tags=["operations"],
    responses={OK: ResponseSpec(str, description="In Prometheus' text format.", media_type=MediaType.TEXT)},
)
async def show_metrics(ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Return the metrics of every process that shares this machine's directory."""
    ctx.tally.hand_over()
    shown = await asyncio.to_thread(exposition.exposition)
    return Response(shown, headers={"Content-Type": exposition.CONTENT_TYPE})


def readiness(
    checks: Mapping[str, str], *, admits_alone: bool = False
) -> Literal["ok", "degraded", "unavailable"]:
    """Decide what the checks amount to: each is "ok" or says what is wrong.

    An ingress that `admits_alone` still serves what a cache Redis has while the queue's is away.
    """
    wrong = {name for name, state in checks.items() if state != "ok"}
    if not wrong:
        return "ok"
    passable = {name for name in checks if name == "cache_redis" or name.startswith(FURTHER_QUEUE)}
    if admits_alone and checks["cache_redis"] == "ok":
        passable |= {"queue_redis", "waiter_hub"}
    return "degraded" if wrong <= passable else "unavailable"


async def _workers(ctx: IngressContext) -> list[Heartbeat]:
    try:
        async with translated(), asyncio.timeout(DEADLINE_S):
            return await ctx.heartbeats.alive()
    except RedisUnavailable:
        return []


async def _checks(ctx: IngressContext) -> dict[str, str]:
    cache, queue, *further = await asyncio.gather(
        _probe(ctx.cache.ping()),
        *(_probe(redis.delete(_NOTHING)) for redis in (ctx.queue, *ctx.further_queues)),
    )
    return {
        "accepting": "draining" if ctx.drain.draining else "ok",
        "queue_redis": queue,
        "cache_redis": cache,
        "waiter_hub": "ok" if ctx.hub.connected.is_set() else "not subscribed",
        **{f"{FURTHER_QUEUE}{number}": state for number, state in enumerate(further, start=1)},
    }


async def _probe(asked: Awaitable[object]) -> str:
    try:
        async with translated(), asyncio.timeout(DEADLINE_S):
            await asked
    except RedisUnavailable as error:
        return error.detail
    return "ok"
