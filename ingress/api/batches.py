"""/v1/batches: many requests in one, asked at batch priority, with their results as they come."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from ingress.admission import FREE, ONE, check
from ingress.authentication import client_of, needs
from ingress.batches.lines import split
from ingress.batches.store import Batch, State
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from ingress.idempotency import IdempotencyHeader, once
from shared.errors import Draining, UnknownBatch

OK, ACCEPTED = 200, 202
JSONL = "application/jsonl"


class Counts(Struct):
    """Lines of a batch: all, and those that are over."""

    total: int
    completed: int
    failed: int


class BatchUrls(Struct):
    """Where to go on."""

    self: str
    results: str
    cancel: str


class BatchView(Struct):
    """A batch as it stands; times are Unix seconds."""

    id: str
    object: Literal["batch"]
    status: State
    created_at: int
    completed_at: int | None
    expires_at: int
    request_counts: Counts
    urls: BatchUrls


class Batches(Struct):
    """A tenant's latest batches, the last one first."""

    object: Literal["list"]
    data: list[BatchView]


@post(
    "/batches",
    status_code=ACCEPTED,
    responses={ACCEPTED: ResponseSpec(BatchView, description="The batch, which is being worked on.")},
    opt=needs("query"),
    summary="Hand a batch in",
    description="The body is JSON lines of `custom_id`, `url` (of a chat completion or a query) and `body`.",
    tags=["batches"],
)
async def create_batch(
    request: Request[Any, Any, Any],
    ctx: NamedDependency[IngressContext],
    idempotency_key: IdempotencyHeader = "",
) -> Response[bytes]:
    """Take a batch and answer at once; its lines are asked from then on, whatever becomes of this process."""
    return await once(request, ctx, idempotency_key, lambda: _created(request, ctx))


async def _created(request: Request[Any, Any, Any], ctx: IngressContext) -> Response[bytes]:
    exchange, client = exchange_of(request.scope), client_of(request)
    exchange.rate = await ctx.admission.admit(client, ONE)
    check(exchange.rate)
    if ctx.drain.draining:
        raise Draining("This process is stopping; send the batch again to reach another.", retry_after_s=1)
    data = await request.body()
    # Thousands of lines take a while to read: nobody else shall wait for that.
    lines = await asyncio.to_thread(split, data, most=ctx.settings.batch_lines_max)
    batch = await ctx.batches.create(client, lines)
    ctx.batch_bell.set()
    exchange.log["batch"] = batch.id
    return _json(_view(ctx, batch), ACCEPTED, {"Location": f"/v1/batches/{batch.id}"})


@get(
    "/batches",
    responses={OK: ResponseSpec(Batches, description="The batches.")},
    opt=needs("jobs"),
    summary="List batches",
    tags=["batches"],
)
async def list_batches(
    request: Request[Any, Any, Any], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Return the tenant's latest batches."""
    exchange, client = exchange_of(request.scope), client_of(request)
    exchange.rate = await ctx.admission.admit(client, FREE)
    found = await ctx.batches.listed(client.tenant)
    return _json(Batches("list", [_view(ctx, batch) for batch in found]), OK)


@get(
    "/batches/{batch_id:str}",
    responses={OK: ResponseSpec(BatchView, description="The batch.")},
    opt=needs("jobs"),
    summary="Read a batch",
    tags=["batches"],
)
async def read_batch(
    request: Request[Any, Any, Any], batch_id: FromPath[str], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Return a batch as it stands; polling costs no tokens."""
    return _json(_view(ctx, await _own(request, ctx, batch_id)), OK)


@get(
    "/batches/{batch_id:str}/results",
    responses={OK: ResponseSpec(str, description="A JSON line for each that is over.", media_type=JSONL)},
    opt=needs("jobs"),
    summary="Read a batch's results",
    tags=["batches"],
)
async def read_results(
    request: Request[Any, Any, Any],
    batch_id: FromPath[str],
    ctx: NamedDependency[IngressContext],
    starting_at: Annotated[int, QueryParameter(ge=0, description="number of the first line, from 0")] = 0,
) -> Stream:
    """Return what came of the lines so far, in their order; at any time, as often as one likes."""
    batch = await _own(request, ctx, batch_id)
    headers = {"Cache-Control": "private, no-store", "X-Sentinel-Batch-Status": batch.state}
    results = ctx.batches.results(batch, first=starting_at)
    # Redis is asked for the first part before anything is sent: a failure still has its status.
    first = await anext(results, b"")

    async def parts() -> Any:
        yield first
        async for part in results:
            yield part

    return Stream(parts(), media_type=JSONL, headers=headers)


@post(
    "/batches/{batch_id:str}/cancel",
    status_code=OK,
    responses={OK: ResponseSpec(BatchView, description="The batch as it is now.")},
    opt=needs("jobs"),
    summary="Cancel a batch",
    tags=["batches"],
)
async def cancel_batch(
    request: Request[Any, Any, Any], batch_id: FromPath[str], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Ask no further line; those under way end by themselves, and their results can be read."""
    batch = await _own(request, ctx, batch_id)
    await ctx.batches.cancel(batch.id)
    return _json(_view(ctx, await _own(request, ctx, batch_id)), OK)


async def _own(request: Request[Any, Any, Any], ctx: IngressContext, batch_id: str) -> Batch:
    """Read a batch of the caller's tenant; raises UnknownBatch."""
    exchange, client = exchange_of(request.scope), client_of(request)
    exchange.log["batch"] = batch_id
    exchange.rate = await ctx.admission.admit(client, FREE)
    batch = await ctx.batches.read(batch_id)
    # Another tenant's batch is as unknown as one that never was.
    if batch is None or batch.tenant != client.tenant:
        raise UnknownBatch("No such batch, or it has expired.")
    return batch


def _view(ctx: IngressContext, batch: Batch) -> BatchView:
    address = f"/v1/batches/{batch.id}"
    return BatchView(
        id=batch.id,
        object="batch",
        status=batch.state,
        created_at=batch.created_at_ms // 1000,
        completed_at=None if batch.ended_at_ms is None else batch.ended_at_ms // 1000,
        expires_at=batch.created_at_ms // 1000 + int(ctx.settings.batch_kept_s),
        request_counts=Counts(batch.total, batch.completed, batch.failed),
        urls=BatchUrls(address, f"{address}/results", f"{address}/cancel"),
    )


def _json(view: BatchView | Batches, status: int, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(view),
        status_code=status,
        headers={"Cache-Control": "private, no-store", **(headers or {})},
        media_type="application/json",
    )
