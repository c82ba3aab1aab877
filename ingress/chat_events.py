"""A chat completion as a stream: what one caller is sent, from its first token to `[DONE]`.

Until something has happened nothing is sent, so that a failure has its own status, as clients expect.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.response import Stream
from msgspec import Struct

from ingress import views
from ingress.answering import mark_simulated, tell_cache
from ingress.ask import ExactHit, Question, Settled, begin, settled
from ingress.chat_stream import HEARTBEAT, ChatStream, Interrupted, error_event
from ingress.context import IngressContext
from ingress.disconnect import disconnected
from ingress.exchange import Exchange, exchange_of
from ingress.follow import Happening, Heartbeat, Landed, follow
from ingress.problems import job_problem, problem
from ingress.replay import paced
from ingress.withdrawal import leave_soon
from shared.clients import Client
from shared.errors import DeadlineExceeded, Draining, ProviderUnavailable, QueueFull, SentinelError
from shared.submissions import Submitted
from shared.tasks import cancel
from shared.tokens import Event
from shared.wire.outcome import Answer, Completed, Failed

SSE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache, no-store", "X-Accel-Buffering": "no"}
"""What keeps proxies from holding events back."""


class Form(Struct, frozen=True):
    """How a caller wants its stream: with usage at the end; a stored answer at so many tokens a second."""

    include_usage: bool = False
    pace: float = 0.0


async def stream_chat(
    request: Request[Any, Any, Any],
    ctx: IngressContext,
    client: Client,
    question: Question,
    form: Form,
) -> Response[Any] | Stream:
    """Answer a question as a stream; raises what `begin` does, and QueueFull when too many follow here."""
    exchange = exchange_of(request.scope)
    if not ctx.hub.has_room:
        raise QueueFull("As many callers wait here as may; ask again.", retry_after_s=1)
    interest = ctx.hub.new_interest()
    begun = await begin(ctx, client, question, exchange, interest=interest)
    if isinstance(begun, ExactHit):
        return _whole(ctx, exchange, begun.entry.answer, views.of_exact_hit(begun, question.metadata), form)
    if isinstance(begun, Settled):
        return _landed(request, ctx, begun, question, form)
    return await _following(request, ctx, client, question, begun, interest, form)


async def _following(
    request: Request[Any, Any, Any],
    ctx: IngressContext,
    client: Client,
    question: Question,
    submitted: Submitted,
    interest: str,
    form: Form,
) -> Response[Any] | Stream:
    """Wait for the first that happens, and answer by it."""
    happenings = _spoken(follow(ctx, submitted.job_id, for_s=question.wait_s, until=ctx.closing))
    try:
        first = await _first(request, happenings)
    except SentinelError:
        leave_soon(ctx, submitted.job_id, interest)
        raise
    if first is None:
        leave_soon(ctx, submitted.job_id, interest)
        raise _not_followed(ctx)
    if isinstance(first, Landed):
        await happenings.aclose()
        reply = settled(ctx, client, submitted, first.result)
        return _landed(request, ctx, reply, question, form)
    sent = _Sent(ctx, client, question, submitted, interest, form)
    return Stream(sent.events(first, happenings), media_type=SSE, headers=HEADERS)


async def _spoken(happenings: AsyncGenerator[Happening, None]) -> AsyncGenerator[Happening, None]:
    """Leave the verdict on the cache out: what has no place in a chunk is not the first that happens."""
    async with contextlib.aclosing(happenings):
        async for happening in happenings:
            if not (isinstance(happening, Event) and happening.is_verdict):
                yield happening


async def _first(
    request: Request[Any, Any, Any], happenings: AsyncGenerator[Happening, None]
) -> Happening | None:
    """The first happening; None when the caller left or the time is over."""
    gone = asyncio.create_task(disconnected(request))
    coming = asyncio.ensure_future(anext(happenings, None))
    try:
        await asyncio.wait({gone, coming}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else None
    finally:
        await cancel([gone, coming])


class _Sent:
    """One caller's stream."""

    def __init__(
        self,
        ctx: IngressContext,
        client: Client,
        question: Question,
        submitted: Submitted,
        interest: str,
        form: Form,
    ) -> None:
        self._ctx = ctx
        self._client = client
        self._question = question
        self._submitted = submitted
        self._interest = interest
        self._form = form
        self._stream = ChatStream(submitted.job_id, question.completion.model)

    async def events(
        self, first: Happening, happenings: AsyncGenerator[Happening, None]
    ) -> AsyncIterator[bytes]:
        """Send what happens; whoever leaves ends its own interest only."""
        over = False
        try:
            for happening in (first,):
                yield self._sent(happening)
            async for happening in happenings:
                over = isinstance(happening, Landed)
                yield self._sent(happening)
            if not over:
                yield _failure(DeadlineExceeded("The stream took longer than its job may."))
        except SentinelError as error:
            yield _failure(error)
        finally:
            if not over:
                leave_soon(self._ctx, self._submitted.job_id, self._interest)

    def _sent(self, happening: Happening) -> bytes:
        if isinstance(happening, Heartbeat):
            return HEARTBEAT
        if isinstance(happening, Event):
            return self._stream.tell(happening.data)
        reply = settled(self._ctx, self._client, self._submitted, happening.result)
        outcome = reply.result.r
        if isinstance(outcome, Failed):
            return _failure(outcome)
        job = views.of_settled(reply, self._question.metadata)
        try:
            return self._stream.end(outcome.answer, job, include_usage=self._form.include_usage)
        except Interrupted:
            again = "The stream broke and its answer began anew, otherwise; ask again to get it whole."
            return _failure(ProviderUnavailable(again))


def _landed(
    request: Request[Any, Any, Any], ctx: IngressContext, reply: Settled, question: Question, form: Form
) -> Response[Any] | Stream:
    outcome = reply.result.r
    if isinstance(outcome, Completed):
        job = views.of_settled(reply, question.metadata)
        return _whole(ctx, exchange_of(request.scope), outcome.answer, job, form)
    return job_problem(request, outcome, reply.result.id)


def _whole(
    ctx: IngressContext, exchange: Exchange, answer: Answer, job: views.JobView, form: Form
) -> Response[bytes] | Stream:
    """A stored answer as a stream: all of it at once, or at a pace."""
    mark_simulated(exchange, answer)
    tell_cache(exchange, job)
    if form.pace > 0:
        told = paced(answer, job, include_usage=form.include_usage, per_s=form.pace, hurry=ctx.draining)
        return Stream(told, media_type=SSE, headers=HEADERS)
    body = ChatStream(job.id, answer.model).end(answer, job, include_usage=form.include_usage)
    return Response(body, media_type=SSE, headers=HEADERS)


def _failure(error: SentinelError | Failed) -> bytes:
    body = problem(error, instance="", request_id="")
    return error_event(msgspec.json.encode({"error": body["error"]}))


def _not_followed(ctx: IngressContext) -> SentinelError:
    if ctx.drain.draining:
        return Draining("This process is stopping; send the request again to reach another.", retry_after_s=1)
    return DeadlineExceeded("The job was not done by its deadline.")
