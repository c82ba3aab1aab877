"""POST /v1/embeddings: OpenAI's embeddings, through the semantic step's embedder and a cache of vectors."""

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import HeaderParameter, JSONBody

from ingress.authentication import client_of, needs
from ingress.body import JsonBody
from ingress.context import IngressContext
from ingress.disconnect import disconnected
from ingress.embedding import embed
from ingress.embeddings_request import Embeddings, EmbeddingsRequest, check_dimensions, texts_of, view
from ingress.exchange import exchange_of
from ingress.preferences import read_cache_control
from ingress.problems import problem_response
from shared.wire.outcome import Failed

OK = 200
CacheControlHeader = Annotated[
    str, HeaderParameter(name="Cache-Control", description="`no-cache`, `no-store`, `only-if-cached`")
]


@post(
    "/embeddings",
    dto=JsonBody[EmbeddingsRequest],
    return_dto=None,
    status_code=OK,
    responses={OK: ResponseSpec(Embeddings, description="The vectors.")},
    opt=needs("query"),
    summary="Embed texts",
    tags=["OpenAI"],
)
async def create_embeddings(
    request: Request[Any, Any, Any],
    data: JSONBody[EmbeddingsRequest],
    ctx: NamedDependency[IngressContext],
    cache_control: CacheControlHeader = "",
) -> Response[bytes]:
    """Return the vector of each text: stored ones at once, the others from the embedder, in one job."""
    exchange, client = exchange_of(request.scope), client_of(request)
    settings = ctx.settings
    texts = texts_of(data, settings.embedding_model, most=settings.embed_inputs_max)
    directives = read_cache_control(cache_control)
    found = await embed(ctx, client, data, texts, directives, exchange, lambda: disconnected(request))
    if isinstance(found, Failed):
        return problem_response(request, found)
    check_dimensions(data.dimensions, next(iter(found.vectors.values())))
    body = view(data, texts, found.vectors, stored=found.stored, job_id=found.job_id)
    label = exchange.log["cache"] = "exact" if found.job_id is None else "miss"
    exchange.headers["X-Sentinel-Cache"] = label
    return Response(
        msgspec.json.encode(body),
        headers={"Cache-Control": "private, no-store"},
        media_type="application/json",
    )
