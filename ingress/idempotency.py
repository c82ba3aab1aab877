"""Idempotency-Key: the same request again gets the first answer again, and another one is refused."""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from litestar import Request, Response
from litestar.params import HeaderParameter

from ingress.admission import check
from ingress.ask import Leaving
from ingress.authentication import client_of
from ingress.context import IngressContext
from ingress.disconnect import disconnected
from ingress.exchange import Exchange, exchange_of
from shared import metrics
from shared.errors import BadRequest, FieldError, RedisUnavailable
from shared.idempotency import Kept, slot_of

REPLAYED = "Idempotent-Replayed"
KEPT_STATUSES = frozenset({200, 202})
OF_THE_MOMENT = frozenset({"X-Sentinel-Budget", "Server-Timing"})
"""Headers of the first answer that say nothing of it."""
FORM = re.compile(r"[\x21-\x7e]{1,255}")

IdempotencyHeader = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        description="repeats of this request within a day get the first answer; another body is a 422",
    ),
]


async def once(
    request: Request[Any, Any, Any],
    ctx: IngressContext,
    idempotency_key: str,
    answer: Callable[[], Awaitable[Response[Any]]],
) -> Response[Any]:
    """Answer, or repeat the first answer; raises BadRequest, KeyReused and RateLimited.

    A repeat that comes while the first is under way asks the same question, and so joins its flight. Only
    answers and accepted jobs are kept: after a failure the same key tries again.
    """
    if not idempotency_key:
        return await answer()
    if not FORM.fullmatch(idempotency_key):
        detail = "must be 1 to 255 visible ASCII characters"
        raise BadRequest(f"Idempotency-Key {detail}.", errors=[FieldError("header:Idempotency-Key", detail)])
    exchange, client = exchange_of(request.scope), client_of(request)
    route = request.scope["path_template"].encode()
    slot = slot_of(client.key_id, idempotency_key, route, await request.body())
    kept = await ctx.first_answers.begin(slot)
    if kept is not None:
        exchange.rate = await ctx.admission.admit(client, ctx.tiers.of(client.tier).hit_cost)
        check(exchange.rate)
        metrics.replays.inc()
        return Response(kept.body, status_code=kept.status, headers={**kept.headers, REPLAYED: "true"})
    reply: Response[Any] | None = None
    try:
        reply = await answer()
    finally:
        with contextlib.suppress(RedisUnavailable):
            if reply is not None and reply.status_code in KEPT_STATUSES:
                await ctx.first_answers.keep(slot, _kept(reply, exchange))
            else:
                await ctx.first_answers.free(slot)
    return reply


def leaving_of(request: Request[Any, Any, Any], idempotency_key: str) -> Leaving:
    """How a caller's leaving is told: one with an idempotency key comes back, so that its job goes on."""

    async def never() -> None:
        await asyncio.Event().wait()

    return never if idempotency_key else lambda: disconnected(request)


def _kept(reply: Response[Any], exchange: Exchange) -> Kept:
    said = {**reply.headers, **exchange.headers, "Content-Type": str(reply.media_type)}
    headers = {name: value for name, value in said.items() if name not in OF_THE_MOMENT}
    return Kept(reply.status_code or 200, headers, reply.content)
