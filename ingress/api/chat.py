"""POST /v1/chat/completions: OpenAI's chat API, through the same cache, flights and limits as /v1/query."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Stream
from msgspec import Struct

from ingress import views
from ingress.answering import mark_simulated, tell_cache
from ingress.api.jobs import WaitSeconds, settled_own
from ingress.api.query import exact_answer
from ingress.ask import ExactHit, Leaving, Pending, Question, Settled, ask
from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.chat import ChatRequest
from ingress.chat_events import Form, stream_chat
from ingress.chat_view import COMPLETION_PREFIX, completion_view
from ingress.context import IngressContext
from ingress.exact_hit import tell_completion
from ingress.exchange import Exchange, exchange_of
from ingress.idempotency import IdempotencyHeader, leaving_of, once
from ingress.preferences import read_prefer
from ingress.problems import job_problem
from ingress.reading import chat_question
from shared.errors import DeadlineExceeded, Draining, QueueFull, UnknownJob
from shared.wire.outcome import Answer, Completed, Failed, decode_result

OK, ACCEPTED = 200, 202
PreferHeader = Annotated[
    str, HeaderParameter(name="Prefer", description="`respond-async` answers 202 with a job (RFC 7240)")
]
CacheControlHeader = Annotated[
    str,
    HeaderParameter(
        name="Cache-Control", description="`no-cache`, `no-store`, `max-age=N`, `only-if-cached`"
    ),
]


class ChatCompletion(Struct):
    """A `chat.completion` of OpenAI's API, and under `sentinel` what the gateway did."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, Any]
    sentinel: dict[str, Any]
    system_fingerprint: str | None = None


@post(
    "/chat/completions",
    dto=JsonBody[ChatRequest],
    return_dto=None,
    status_code=OK,
    responses={
        OK: ResponseSpec(ChatCompletion, description="The completion."),
        ACCEPTED: ResponseSpec(views.JobView, description="With `Prefer: respond-async`: the job."),
    },
    opt=needs("query"),
    summary="Complete a conversation",
    tags=["OpenAI"],
)
async def complete_chat(
    request: Request[Any, Any, Any],
    data: JSONBody[ChatRequest],
    ctx: NamedDependency[IngressContext],
    prefer: PreferHeader = "",
    cache_control: CacheControlHeader = "",
    idempotency_key: IdempotencyHeader = "",
) -> Response[Any] | Stream:
    """Return the completion, or stream it; a 202 goes only to who asked for one, as SDKs read it as empty."""
    exchange, client = exchange_of(request.scope), client_of(request)
    longest_s = ctx.settings.job_deadline_s
    # A stream begins when there is something to send: it has no wait to shorten.
    preferences = read_prefer("" if data.stream else prefer, default_s=longest_s, longest_s=longest_s)
    if preferences.applied:
        exchange.headers["Preference-Applied"] = ", ".join(preferences.applied)
    question = chat_question(ctx.settings, client, data, cache_control, preferences)
    if data.stream:
        return await stream_chat(request, ctx, client, question, _form(ctx, data))
    leaving = leaving_of(request, idempotency_key)
    is_async = "respond-async" in preferences.applied
    return await once(
        request, ctx, idempotency_key, lambda: _reply(request, ctx, question, leaving, is_async=is_async)
    )


async def _reply(
    request: Request[Any, Any, Any],
    ctx: IngressContext,
    question: Question,
    leaving: Leaving,
    *,
    is_async: bool,
) -> Response[bytes]:
    exchange = exchange_of(request.scope)
    reply = await ask(ctx, client_of(request), question, exchange, leaving)
    match reply:
        case ExactHit():
            return exact_answer(exchange, tell_completion(reply, question.metadata))
        case Settled(result=result) if isinstance(result.r, Completed):
            return _completion(exchange, result.r.answer, views.of_settled(reply, question.metadata))
        case Settled(result=result) if isinstance(result.r, Failed):
            return job_problem(request, result.r, result.id)
        case Pending() if is_async:
            return _accepted(views.of_pending(reply, question.completion.model, question.metadata))
        case Pending(submitted=submitted):
            return job_problem(request, _unanswered(ctx, question.wait_s), submitted.job_id)
        case _:
            raise TypeError(f"{reply!r} is no reply")


@get(
    "/chat/completions/{completion_id:str}",
    responses={
        OK: ResponseSpec(ChatCompletion, description="The completion."),
        ACCEPTED: ResponseSpec(views.JobView, description="Not yet: the job."),
    },
    opt=needs("jobs"),
    summary="Read a completion",
    tags=["OpenAI"],
)
async def read_completion(
    request: Request[Any, Any, Any],
    completion_id: FromPath[str],
    ctx: NamedDependency[IngressContext],
    wait: WaitSeconds = None,
    prefer: Annotated[str, HeaderParameter(name="Prefer")] = "",
) -> Response[Any]:
    """Return what became of a completion that was asked for with `respond-async`, by its id or its job's."""
    exchange, client = exchange_of(request.scope), client_of(request)
    job_id = completion_id.removeprefix(COMPLETION_PREFIX)
    exchange.log["job_id"] = job_id
    record = await settled_own(request, ctx, job_id, wait, prefer)
    if record.embeds:
        raise UnknownJob("No such completion: the job embeds texts.")
    job = views.of_record(record, client.key_id)
    if record.outcome is None:
        return _accepted(job)
    outcome = decode_result(record.outcome).r
    if isinstance(outcome, Completed):
        return _completion(exchange, outcome.answer, job)
    return job_problem(request, outcome, job_id)


def _form(ctx: IngressContext, data: ChatRequest) -> Form:
    usage = data.stream_options is not None and data.stream_options.include_usage
    pace = data.cache.pace
    return Form(usage, ctx.settings.replay_pace if pace is None else pace)


def _completion(exchange: Exchange, answer: Answer, job: views.JobView) -> Response[bytes]:
    mark_simulated(exchange, answer)
    tell_cache(exchange, job)
    return _json(completion_view(answer, job), OK)


def _accepted(job: views.JobView) -> Response[bytes]:
    return _json(job, ACCEPTED, {"Location": f"/v1/jobs/{job.id}", "Retry-After": "1"})


def _json(body: object, status: int, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers={"Cache-Control": "private, no-store", **(headers or {})},
        media_type="application/json",
    )


def _unanswered(ctx: IngressContext, wait_s: float) -> Draining | QueueFull | DeadlineExceeded:
    """Why this caller leaves without an answer to a job that goes on: the same request again will join it."""
    if ctx.drain.draining:
        return Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    if not ctx.hub.has_room:
        return QueueFull("As many callers wait here as may; the job goes on without you.", retry_after_s=1)
    return DeadlineExceeded(
        f"No answer within {wait_s:.0f} s; the job goes on, and the same request joins it."
    )
