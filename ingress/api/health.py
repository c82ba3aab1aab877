"""Probes and metrics: alive, ready, and how it goes."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final, Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from ingress.context import IngressContext
from shared import metrics
from shared.errors import RedisUnavailable
from shared.heartbeats import Heartbeat
from shared.redis import keys
from shared.redis.connect import translated

OK, UNAVAILABLE = 200, 503
DEADLINE_S: Final = 0.9
"""Most time one probe of one Redis takes."""
# No job has this id. Deleting nothing is still a write, so a replica and a full disk refuse it, as they do
# every request; a ping they would answer.
_NOTHING: Final = keys.job("readiness")


@get("/livez", summary="Is the process alive?", tags=["operations"])
async def livez() -> Response[bytes]:
    """Answer 200 as long as the process runs; looks at nothing else."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@get(["/readyz", "/health"], summary="Can it serve?", tags=["operations"])
async def readyz(ctx: NamedDependency[IngressContext], verbose: str | None = None) -> Response[bytes]:
    """Answer 200 when the queue Redis takes writes and this process is not stopping, else 503.

    `?verbose` says why. A cache Redis that is away makes it degraded: answers cost more, but there are some.
    """
    checks, workers = await asyncio.gather(_checks(ctx), _workers(ctx))
    status = readiness(checks)
    body: dict[str, Any] = {"status": status}
    if verbose is not None:
        body["checks"] = checks
        # No worker is no reason to be unready: exact hits are served all the same.
        body["workers"] = workers
        body["in_flight"] = ctx.drain.in_flight
        body["redis"] = ctx.redis_roles
    return Response(
        msgspec.json.encode(body),
        status_code=UNAVAILABLE if status == "unavailable" else OK,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@get("/metrics", summary="Prometheus metrics", tags=["operations"], sync_to_thread=True)
def show_metrics() -> Response[bytes]:
    """Return the metrics of every process that shares this machine's directory."""
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


def readiness(checks: Mapping[str, str]) -> Literal["ok", "degraded", "unavailable"]:
    """Decide what the checks amount to: each is "ok" or says what is wrong."""
    wrong = {name for name, state in checks.items() if state != "ok"}
    if not wrong:
        return "ok"
    return "degraded" if wrong == {"cache_redis"} else "unavailable"


async def _workers(ctx: IngressContext) -> list[Heartbeat]:
    try:
        async with translated(), asyncio.timeout(DEADLINE_S):
            return await ctx.heartbeats.alive()
    except RedisUnavailable:
        return []


async def _checks(ctx: IngressContext) -> dict[str, str]:
    queue, cache = await asyncio.gather(
        _probe(ctx.queue.delete(_NOTHING)),
        _probe(ctx.cache.ping()),
    )
    return {
        "accepting": "draining" if ctx.drain.draining else "ok",
        "queue_redis": queue,
        "cache_redis": cache,
        "waiter_hub": "ok" if ctx.hub.connected.is_set() else "not subscribed",
    }


async def _probe(asked: Awaitable[object]) -> str:
    try:
        async with translated(), asyncio.timeout(DEADLINE_S):
            await asked
    except RedisUnavailable as error:
        return error.detail
    return "ok"
