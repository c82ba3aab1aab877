"""/v1/jobs/{id}: a job as it stands, or once it has settled; and the end of one's interest in it."""

import asyncio
import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter

from ingress import views
from ingress.admission import check
from ingress.authentication import client_of, needs
from ingress.context import IngressContext
from ingress.disconnect import disconnected
from ingress.exchange import Exchange, exchange_of
from ingress.preferences import read_prefer
from ingress.withdrawal import end_interest
from shared.clients import Client
from shared.errors import AlreadySettled, UnknownJob
from shared.job_records import TERMINAL, Record
from shared.submissions import lasts_ms, polled_by
from shared.tasks import cancel

OK, NOT_MODIFIED = 200, 304
WaitSeconds = Annotated[
    float | None,
    QueryParameter(name="wait", ge=0, description="seconds to wait for the job to settle"),
]


@get(
    "/jobs/{job_id:str}",
    responses={OK: ResponseSpec(views.JobView, description="The job.")},
    return_dto=None,
    opt=needs("jobs"),
    summary="Read a job",
    tags=["questions"],
)
async def read_job(
    request: Request[Any, Any, Any],
    job_id: FromPath[str],
    ctx: NamedDependency[IngressContext],
    wait: WaitSeconds = None,
    prefer: Annotated[str, HeaderParameter(name="Prefer")] = "",
    if_none_match: Annotated[str, HeaderParameter(name="If-None-Match")] = "",
) -> Response[bytes]:
    """Return the job, waiting until it settles if asked to; 200 whatever its state."""
    exchange_of(request.scope).log["job_id"] = job_id
    record = await settled_own(request, ctx, job_id, wait, prefer)
    return _shown(record, client_of(request), if_none_match)


@post(
    "/jobs/{job_id:str}/cancel",
    status_code=OK,
    responses={OK: ResponseSpec(views.JobView, description="The job as it is now.")},
    return_dto=None,
    opt=needs("jobs"),
    summary="Cancel a job",
    tags=["questions"],
)
async def cancel_job(
    request: Request[Any, Any, Any], job_id: FromPath[str], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """End this key's interest in the job; it is stopped when nobody else waits for it.

    409 when it has completed or failed; a job that was cancelled before stays so.
    """
    exchange = exchange_of(request.scope)
    client = client_of(request)
    exchange.log["job_id"] = job_id
    record = await read_own(ctx, client, job_id, exchange)
    if record.state not in TERMINAL:
        await end_interest(ctx, job_id, polled_by(client.key_id))
        record = await read_own(ctx, client, job_id, exchange)
    if record.state in {"completed", "failed"}:
        raise AlreadySettled(f"The job has {record.state}; there is nothing left to cancel.")
    return _shown(record, client, "")


async def _wait(
    ctx: IngressContext, client: Client, job_id: str, wait_s: float, request: Request[Any, Any, Any]
) -> None:
    gone = asyncio.create_task(disconnected(request))
    try:
        state = await ctx.jobs.attach(
            job_id, ctx.hub.inbox, interest=polled_by(client.key_id), for_ms=lasts_ms(wait_s)
        )
        if state not in TERMINAL:
            await ctx.hub.wait(job_id, wait_s, {ctx.draining, gone})
    finally:
        await cancel([gone])


async def settled_own(
    request: Request[Any, Any, Any], ctx: IngressContext, job_id: str, wait: float | None, prefer: str
) -> Record:
    """Read a job of the caller's tenant, once it has settled if asked to; raises what `read_own` does."""
    exchange, client = exchange_of(request.scope), client_of(request)
    record = await read_own(ctx, client, job_id, exchange)
    wait_s = _wait_s(ctx, wait, prefer)
    if wait_s > 0 and record.state not in TERMINAL and ctx.hub.has_room:
        await _wait(ctx, client, job_id, wait_s, request)
        record = await read_own(ctx, client, job_id, exchange)
    return record


async def read_own(ctx: IngressContext, client: Client, job_id: str, exchange: Exchange) -> Record:
    """Read a job of the caller's tenant; raises UnknownJob and RateLimited."""
    exchange.rate, record = await ctx.admission.admit_and_read(client, job_id)
    check(exchange.rate)
    # Another tenant's job is as unknown as one that never was.
    if record is None or record.tenant != client.tenant:
        raise UnknownJob("No such job, or it has expired.")
    return record


def _wait_s(ctx: IngressContext, wait: float | None, prefer: str) -> float:
    if wait is None:
        return read_prefer(prefer, default_s=0, longest_s=ctx.settings.wait_max_s).wait_s
    return min(wait, ctx.settings.wait_max_s)


def _shown(record: Record, client: Client, if_none_match: str) -> Response[bytes]:
    body = msgspec.json.encode(views.of_record(record, client.key_id))
    etag = f'W/"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if record.state not in TERMINAL:
        headers["Retry-After"] = "1"
    if etag in (tag.strip() for tag in if_none_match.split(",")):
        return Response(b"", status_code=NOT_MODIFIED, headers=headers)
    return Response(body, status_code=OK, headers=headers, media_type="application/json")
