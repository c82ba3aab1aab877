"""GET /v1/models: what callers may name as a model, in OpenAI's shape."""

from typing import Literal

import msgspec
from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath
from msgspec import Struct

from ingress.authentication import needs
from ingress.context import IngressContext
from ingress.question import offered
from shared.providers import sellers_of
from shared.settings import Settings

OK = 200


class Model(Struct):
    """A model, and the providers that serve it, in the order in which they are asked."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    providers: list[str]


class Models(Struct):
    """All of them, the default first."""

    object: Literal["list"]
    data: list[Model]


@get(
    "/models",
    responses={OK: ResponseSpec(Models, description="The models.")},
    opt=needs("query"),
    summary="List the models",
    tags=["OpenAI"],
)
async def list_models(ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Return every model that a request may name."""
    settings = ctx.settings
    named = [_model(name, settings) for name in settings.known_models]
    return _json(Models("list", [*named, _embedder(settings)]))


@get(
    "/models/{name:path}",
    responses={OK: ResponseSpec(Model, description="The model.")},
    opt=needs("query"),
    summary="Read one model",
    tags=["OpenAI"],
)
async def read_model(name: FromPath[str], ctx: NamedDependency[IngressContext]) -> Response[bytes]:
    """Return one model; its name may hold slashes."""
    if name.lstrip("/") == ctx.settings.embedding_model:
        return _json(_embedder(ctx.settings))
    return _json(_model(offered(name.lstrip("/"), ctx.settings.known_models), ctx.settings))


def _model(name: str, settings: Settings) -> Model:
    serving = [provider for provider, _ in sellers_of(name, settings)]
    # Nobody knows when a model was made; clients want a number.
    return Model(name, "model", 0, serving[0] if serving else "sentinel", serving)


def _embedder(settings: Settings) -> Model:
    vendor = settings.embedder_used
    return Model(settings.embedding_model, "model", 0, vendor, [vendor])


def _json(view: Model | Models) -> Response[bytes]:
    return Response(msgspec.json.encode(view), media_type="application/json")
