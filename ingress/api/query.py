"""POST /v1/query: ask a question, wait for the answer or take a job id."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import Parameter

from ingress import cache_status, views
from ingress.ask import ExactHit, Pending, Question, Settled, ask
from ingress.authentication import client_of
from ingress.body import JsonBody
from ingress.context import IngressContext
from ingress.disconnect import disconnected
from ingress.exchange import Exchange, exchange_of
from ingress.preferences import Preferences, read_cache_control, read_prefer
from ingress.problems import problem_response
from ingress.question import QueryRequest, completion_of, policy_of, scope_of
from shared.clients import Client
from shared.wire.outcome import Answer, Completed, Failed, Timings

OK, ACCEPTED = 200, 202
PreferHeader = Annotated[
    str, Parameter(header="Prefer", description="`wait=N` (seconds) or `respond-async` (RFC 7240)")
]
CacheControlHeader = Annotated[
    str,
    Parameter(header="Cache-Control", description="`no-cache`, `no-store`, `max-age=N`, `only-if-cached`"),
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
    summary="Ask a question",
    tags=["questions"],
)
async def query(
    request: Request[Any, Any, Any],
    data: QueryRequest,
    ctx: NamedDependency[IngressContext],
    prefer: PreferHeader = "",
    cache_control: CacheControlHeader = "",
) -> Response[bytes]:
    """Answer from the cache, from a twin under way, or from the provider, and say which."""
    exchange = exchange_of(request.scope)
    client = client_of(request)
    preferences = read_prefer(
        prefer, default_s=ctx.settings.wait_default_s, longest_s=ctx.settings.wait_max_s
    )
    if preferences.applied:
        exchange.headers["Preference-Applied"] = ", ".join(preferences.applied)
    question = _question(ctx, client, data, cache_control, preferences)
    reply = await ask(ctx, client, question, exchange, lambda: disconnected(request))
    match reply:
        case ExactHit(entry=entry):
            _mark_simulated(exchange, entry.answer)
            return _answered(exchange, views.of_exact_hit(reply, data.metadata), Timings())
        case Settled(result=result) if isinstance(result.r, Failed):
            urls = {"self": f"/v1/jobs/{result.id}"}
            return problem_response(request, result.r, job_id=result.id, urls=urls)
        case Settled(result=result):
            if isinstance(result.r, Completed):
                _mark_simulated(exchange, result.r.answer)
            return _answered(exchange, views.of_settled(reply, data.metadata), views.timings_of(reply))
        case Pending():
            return _accepted(views.of_pending(reply, question.completion.model, data.metadata))


def _question(
    ctx: IngressContext, client: Client, data: QueryRequest, cache_control: str, preferences: Preferences
) -> Question:
    directives = read_cache_control(cache_control)
    return Question(
        completion=completion_of(data, ctx.settings.known_models),
        policy=policy_of(data, directives),
        scope=scope_of(client.tenant, data.cache.namespace),
        wait_s=preferences.wait_s,
        only_if_cached=directives.only_if_cached,
        priority=data.priority,
        metadata=data.metadata,
    )


def _mark_simulated(exchange: Exchange, answer: Answer) -> None:
    # Nobody shall take the simulator's inventions for a model's answers, also when they come from the cache.
    if answer.simulated:
        exchange.headers["X-Sentinel-Simulated"] = "true"


def _answered(exchange: Exchange, view: views.JobView, timings: Timings) -> Response[bytes]:
    if view.cache is not None:
        exchange.log["cache"] = cache_status.label(view.cache)
        exchange.headers.update(cache_status.headers(view.cache, stored=view.expires_at is not None))
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
