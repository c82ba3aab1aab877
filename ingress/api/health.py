"""Probes and metrics: alive, ready, and how it goes."""

from typing import Any

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency

from ingress.context import IngressContext
from shared import metrics
from shared.errors import RedisUnavailable
from shared.heartbeats import Heartbeat
from shared.redis.connect import translated

OK, UNAVAILABLE = 200, 503


@get("/livez", summary="Is the process alive?", tags=["operations"])
async def livez() -> Response[bytes]:
    """Answer 200 as long as the process runs; looks at nothing else."""
    return Response(b'{"status":"ok"}', media_type="application/json")


@get(["/readyz", "/health"], summary="Can it serve?", tags=["operations"])
async def readyz(ctx: NamedDependency[IngressContext], verbose: str | None = None) -> Response[bytes]:
    """Answer 200 when Redis answers and this process is not stopping, else 503; `?verbose` says why."""
    checks = await _checks(ctx)
    ready = all(state == "ok" for state in checks.values())
    body: dict[str, Any] = {"status": "ok" if ready else "unavailable"}
    if verbose is not None:
        body["checks"] = checks
        # No worker is no reason to be unready: exact hits are served all the same.
        body["workers"] = await _workers(ctx)
        body["in_flight"] = ctx.drain.in_flight
        body["redis_roles"] = "shared" if ctx.cache is ctx.queue else "separate"
    return Response(
        msgspec.json.encode(body),
        status_code=OK if ready else UNAVAILABLE,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


@get("/metrics", summary="Prometheus metrics", tags=["operations"], sync_to_thread=True)
def show_metrics() -> Response[bytes]:
    """Return the metrics of every process that shares this machine's directory."""
    return Response(metrics.exposition(), headers={"Content-Type": metrics.CONTENT_TYPE})


async def _workers(ctx: IngressContext) -> list[Heartbeat]:
    try:
        return await ctx.heartbeats.alive()
    except RedisUnavailable:
        return []


async def _checks(ctx: IngressContext) -> dict[str, str]:
    checks = {"accepting": "draining" if ctx.drain.draining else "ok"}
    for role, redis in (("queue_redis", ctx.queue), ("cache_redis", ctx.cache)):
        try:
            async with translated():
                await redis.ping()
            checks[role] = "ok"
        except RedisUnavailable as error:
            checks[role] = error.detail
    checks["waiter_hub"] = "ok" if ctx.hub.connected.is_set() else "not subscribed"
    return checks
