"""GET /v1/jobs/{id}/events, and /v1/query as events: what happens to a job, as it happens."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream

from ingress import views
from ingress.api.jobs import read_own
from ingress.asked import ExactHit, Settled
from ingress.authentication import client_of, needs
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from ingress.job_events import (
    END,
    HEADERS,
    RETRY,
    RETRY_SOON,
    SSE,
    ended,
    events_of,
    resume_after,
    standing,
)
from ingress.problems import problem
from shared.clients import Client
from shared.errors import Draining, QueueFull, RedisUnavailable
from shared.submissions import Submitted
from shared.tokens import BEGINNING

OK, NO_CONTENT = 200, 204
LastEventId = Annotated[
    str,
    HeaderParameter(name="Last-Event-ID", description="the last event that arrived; what follows is sent"),
]


@get(
    "/jobs/{job_id:str}/events",
    responses={
        OK: ResponseSpec(str, description="Server-sent events.", media_type=SSE),
        NO_CONTENT: ResponseSpec(None, description="There is nothing after `Last-Event-ID`."),
    },
    opt=needs("jobs"),
    summary="Follow a job",
    tags=["questions"],
)
async def follow_job(
    request: Request[Any, Any, Any],
    job_id: FromPath[str],
    ctx: NamedDependency[IngressContext],
    last_event_id: LastEventId = "",
    starting_after: Annotated[str, QueryParameter(description="the same, for who cannot set headers")] = "",
) -> Response[Any] | Stream:
    """Stream what happens to a job, from its beginning or after an event; on any ingress."""
    exchange, client = exchange_of(request.scope), client_of(request)
    exchange.log["job_id"] = job_id
    record = await read_own(ctx, client, job_id, exchange)
    last = last_event_id or starting_after
    if last == END:
        return Response(None, status_code=NO_CONTENT)
    if not ctx.hub.has_room:
        raise QueueFull("As many callers wait here as may; ask again.", retry_after_s=1)
    for_s = ctx.settings.job_deadline_s
    happened = events_of(ctx, record, client.key_id, after=resume_after(last), for_s=for_s)
    return Stream(_guarded(job_id, happened), media_type=SSE, headers=HEADERS)


def query_events(
    ctx: IngressContext,
    client: Client,
    begun: ExactHit | Settled | Submitted,
    metadata: dict[str, str],
) -> Response[Any] | Stream:
    """Answer a question as events, from the moment that it was accepted."""
    if isinstance(begun, Submitted):
        happened = _from_start(ctx, client, begun)
        return Stream(_guarded(begun.job_id, happened), media_type=SSE, headers=HEADERS)
    if isinstance(begun, ExactHit):
        job = views.of_exact_hit(begun, metadata)
    else:
        job = views.of_settled(begun, metadata)
    return Response(RETRY + ended(job, judged=False), media_type=SSE, headers=HEADERS)


async def _from_start(ctx: IngressContext, client: Client, submitted: Submitted) -> AsyncIterator[bytes]:
    yield RETRY + standing(submitted.state, submitted.job_id, ahead=submitted.ahead)
    record = await ctx.jobs.read(submitted.job_id)
    if record is None:
        return
    for_s = ctx.settings.job_deadline_s
    told = events_of(ctx, record, client.key_id, after=BEGINNING, for_s=for_s, known=submitted.state)
    async for event in told:
        yield event


async def _guarded(job_id: str, happened: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Tell what breaks as an event; whoever goes has the job's id, and may come back to another ingress."""
    try:
        async for event in happened:
            yield event
    except Draining:
        # Elsewhere it goes on: whoever reconnects after its last event misses nothing.
        yield RETRY_SOON
    except RedisUnavailable as error:
        body = msgspec.json.encode(problem(error, instance=f"/v1/jobs/{job_id}", request_id=""))
        yield b"event: error\ndata: " + body + b"\n\n"
