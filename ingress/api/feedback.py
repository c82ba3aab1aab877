"""POST /v1/feedback: whether a job's answer was right."""

from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody
from msgspec import Meta, Struct

from ingress.admission import check
from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.chat_view import COMPLETION_PREFIX
from ingress.context import IngressContext
from ingress.exchange import exchange_of
from shared.errors import UnknownJob
from shared.feedback import Said

OK = 200


class FeedbackRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What you say of an answer."""

    job_id: Annotated[
        str,
        Meta(min_length=1, max_length=256, description="the job's `id`, or a completion's"),
    ]
    verdict: Annotated[Said, Meta(description="was the answer right for the question that was asked?")]


class FeedbackView(Struct, kw_only=True):
    """What was noted.

    `entry_id` is the stored answer that was served because its question was near; `unpaired` says that this
    question does not get it again; `learned` that the threshold of such hits takes it into account.
    """

    object: Literal["feedback"] = "feedback"
    job_id: str
    verdict: Said
    entry_id: str | None
    unpaired: bool
    learned: bool


@post(
    "/feedback",
    dto=JsonBody[FeedbackRequest],
    return_dto=None,
    status_code=OK,
    responses={OK: ResponseSpec(FeedbackView, description="What was noted.")},
    opt=needs("query"),
    summary="Say whether an answer was right",
    tags=["questions"],
)
async def give_feedback(
    request: Request[Any, Any, Any], data: JSONBody[FeedbackRequest], ctx: NamedDependency[IngressContext]
) -> Response[bytes]:
    """Note that an answer was right or wrong; a wrong one found by meaning does not come again.

    404 for another tenant's job, 409 for one that has no answer (yet).
    """
    exchange = exchange_of(request.scope)
    client = client_of(request)
    job_id = data.job_id.removeprefix(COMPLETION_PREFIX)
    exchange.log["job_id"] = job_id
    exchange.rate = await ctx.admission.admit(client)
    check(exchange.rate)
    record = await ctx.jobs.read(job_id)
    # Another tenant's job is as unknown as one that never was.
    if record is None or record.tenant != client.tenant:
        raise UnknownJob("No such job, or it has expired.")
    noted = await ctx.feedback.give(record, data.verdict)
    view = FeedbackView(
        job_id=job_id,
        verdict=data.verdict,
        entry_id=noted.entry_id,
        unpaired=noted.unpaired,
        learned=noted.learned,
    )
    return Response(msgspec.json.encode(view), status_code=OK, media_type="application/json")
