"""POST /v1/query: ask a question, wait for the answer or take a job id."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, JSONBody
from litestar.response import Stream

from ingress import views
from ingress.answering import mark_simulated, tell_cache
from ingress.api.events import query_events
from ingress.ask import ExactHit, Leaving, Pending, Question, Settled, ask, begin
from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.context import IngressContext
from ingress.exact_hit import Told, tell_job
from ingress.exchange import Exchange, exchange_of
from ingress.idempotency import IdempotencyHeader, leaving_of, once
from ingress.job_events import SSE
from ingress.preferences import read_prefer
from ingress.problems import job_problem
from ingress.question import QueryRequest
from ingress.reading import query_question
from shared.errors import QueueFull
from shared.submissions import polled_by
from shared.wire.outcome import Completed, Failed, Timings

OK, ACCEPTED = 200, 202
PreferHeader = Annotated[
    str, HeaderParameter(name="Prefer", description="`wait=N` (seconds) or `respond-async` (RFC 7240)")
]
CacheControlHeader = Annotated[
    str,
    HeaderParameter(
        name="Cache-Control", description="`no-cache`, `no-store`, `max-age=N`, `only-if-cached`"
    ),
]
AcceptHeader = Annotated[
    str, HeaderParameter(name="Accept", description="`text/event-stream` tells what happens as it happens")
]


@post(
    "/query",
    dto=JsonBody[QueryRequest],
    return_dto=None,
    status_code=OK,
    responses={
        OK: ResponseSpec(views.JobView, description="The answer."),
        ACCEPTED: ResponseSpec(views.JobView, description="Not yet: the job goes on at `Location`."),
    },
    opt=needs("query"),
    summary="Ask a question",
    tags=["questions"],
)
async def query(
    request: Request[Any, Any, Any],
    data: JSONBody[QueryRequest],
    ctx: NamedDependency[IngressContext],
    prefer: PreferHeader = "",
    cache_control: CacheControlHeader = "",
    accept: AcceptHeader = "",
    idempotency_key: IdempotencyHeader = "",
) -> Response[Any] | Stream:
    """Answer from the cache, from a twin under way, or from the provider, and say which."""
    exchange = exchange_of(request.scope)
    client = client_of(request)
    preferences = read_prefer(
        prefer, default_s=ctx.settings.wait_default_s, longest_s=ctx.settings.wait_max_s
    )
    if preferences.applied:
        exchange.headers["Preference-Applied"] = ", ".join(preferences.applied)
    question = query_question(ctx.settings, client, data, cache_control, preferences)
    if SSE in accept:
        question = msgspec.structs.replace(question, streamed=True, wait_s=ctx.settings.job_deadline_s)
        if not ctx.hub.has_room:
            raise QueueFull("As many callers wait here as may; ask again.", retry_after_s=1)
        # Its caller is told the id at once, and may come back for the rest, or cancel.
        begun = await begin(ctx, client, question, exchange, interest=polled_by(client.key_id))
        return query_events(ctx, client, begun, data.metadata)
    leaving = leaving_of(request, idempotency_key)
    return await once(
        request, ctx, idempotency_key, lambda: _reply(request, ctx, question, data.metadata, leaving)
    )


async def _reply(
    request: Request[Any, Any, Any],
    ctx: IngressContext,
    question: Question,
    metadata: dict[str, str],
    leaving: Leaving,
) -> Response[bytes]:
    exchange = exchange_of(request.scope)
    reply = await ask(ctx, client_of(request), question, exchange, leaving)
    match reply:
        case ExactHit():
            return exact_answer(exchange, tell_job(reply, metadata))
        case Settled(result=result) if isinstance(result.r, Failed):
            return job_problem(request, result.r, result.id)
        case Settled(result=result):
            if isinstance(result.r, Completed):
                mark_simulated(exchange, result.r.answer)
            return _answered(exchange, views.of_settled(reply, metadata), views.timings_of(reply))
        case Pending():
            return _accepted(views.of_pending(reply, question.completion.model, metadata))


def exact_answer(exchange: Exchange, told: Told) -> Response[bytes]:
    """Answer with an exact hit."""
    exchange.log["cache"] = told.cache
    return Response(told.body, headers=told.headers, media_type="application/json")


def _answered(exchange: Exchange, view: views.JobView, timings: Timings) -> Response[bytes]:
    tell_cache(exchange, view)
    spent = ", ".join(f"{name};dur={ms:.2f}" for name, ms in msgspec.to_builtins(timings).items())
    return _json(view, OK, {"Server-Timing": spent} if spent else {})


def _accepted(view: views.JobView) -> Response[bytes]:
    return _json(view, ACCEPTED, {"Location": f"/v1/jobs/{view.id}", "Retry-After": "1"})


def _json(view: views.JobView, status: int, headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(view),
        status_code=status,
        # The answer is this caller's: caches on the way must not keep it.
        headers={"Cache-Control": "private, no-store", **headers},
        media_type="application/json",
    )
