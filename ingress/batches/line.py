"""One line of a batch: asked as its request would be alone, and what came of it."""

import time
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ingress import views
from ingress.ask import begin, settled
from ingress.asked import ExactHit, Question, Settled
from ingress.batches.lines import CHAT, RequestLine
from ingress.body import decode
from ingress.chat import ChatRequest
from ingress.chat_view import completion_view
from ingress.context import IngressContext
from ingress.exchange import Exchange
from ingress.preferences import Preferences
from ingress.problems import problem
from ingress.question import QueryRequest
from ingress.rate import Rate
from ingress.reading import chat_question, query_question
from shared.clients import Client
from shared.errors import BadRequest, FieldError, SentinelError
from shared.submissions import Submitted, polled_by
from shared.wire.outcome import Answer, Failed, decode_result

Begun = ExactHit | Settled | Submitted
RESERVED = 0.2
"""Share of a key's bucket that its batches leave to whoever else asks with it."""
OK = 200
AT_ONCE = Preferences(wait_s=0)
PASSING = (429, 503)


class Said(Struct, frozen=True):
    """What came of a line: the status and the body that its request would have been answered with."""

    status: int
    body: Any
    retry_s: float | None = None
    """After how many seconds it may be worth asking again; None when it is not."""


def question_of(ctx: IngressContext, client: Client, line: RequestLine) -> Question:
    """What a line asks, at batch priority; raises BadRequest and UnknownModel."""
    if line.url == CHAT:
        data = decode(bytes(line.body), ChatRequest)
        if data.stream:
            reason = "has no place in a batch"
            raise BadRequest(f"/stream {reason}", errors=[FieldError("/stream", reason)])
        asked = chat_question(ctx.settings, client, data, "", AT_ONCE)
    else:
        query = decode(bytes(line.body), QueryRequest)
        asked = query_question(ctx.settings, client, query, "", AT_ONCE)
    return msgspec.structs.replace(asked, priority="batch")


async def ask(
    ctx: IngressContext, client: Client, question: Question, request_id: str
) -> tuple[Begun, Rate | None]:
    """Ask it, and tell how the key's bucket stands; raises what `begin` does."""
    exchange = Exchange(request_id=request_id, started=time.perf_counter())
    begun = await begin(ctx, client, question, exchange, interest=polled_by(client.key_id))
    return begun, exchange.rate


def said_at_once(line: RequestLine, begun: ExactHit | Settled, metadata: dict[str, str]) -> Said:
    """What an answer comes to that was there."""
    if isinstance(begun, ExactHit):
        return _answered(line, begun.entry.answer, views.of_exact_hit(begun, metadata))
    return _said(line, begun, metadata)


def said_later(
    ctx: IngressContext,
    client: Client,
    line: RequestLine,
    submitted: Submitted | None,
    data: bytes,
    metadata: dict[str, str],
) -> Said:
    """What a job's outcome comes to; `submitted` is None when another process had asked for it."""
    if submitted is None:
        result = decode_result(data)
        return _said(line, Settled(result, joined=False, landed=False, now_ms=result.ft), metadata)
    return _said(line, settled(ctx, client, submitted, data), metadata)


def refused(error: SentinelError | Failed) -> Said:
    """What an error comes to."""
    body = problem(error, instance="", request_id="")
    retry_s = max(0.2, error.retry_after_s or 1.0) if error.retryable else None
    return Said(error.status, body, retry_s)


def turn_comes_in_s(error: SentinelError) -> float | None:
    """How long to wait before a line that was refused at the door is asked; None when that would not help."""
    if error.retryable and error.status in PASSING:
        return max(0.2, error.retry_after_s or 1.0)
    return None


def patience_s(rate: Rate | None) -> float:
    """How long to let a key's bucket fill before the next line."""
    if rate is None:
        return 0.0
    return max(0.0, (RESERVED * rate.capacity - rate.tokens) / rate.refill_per_s)


def _said(line: RequestLine, reply: Settled, metadata: dict[str, str]) -> Said:
    outcome = reply.result.r
    if isinstance(outcome, Failed):
        return refused(outcome)
    return _answered(line, outcome.answer, views.of_settled(reply, metadata))


def _answered(line: RequestLine, answer: Answer, job: views.JobView) -> Said:
    body = completion_view(answer, job) if line.url == CHAT else job
    return Said(OK, Raw(msgspec.json.encode(body)))
