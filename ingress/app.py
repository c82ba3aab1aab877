"""The application: routes, guards, errors and the envelope, put together."""

import logging
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp

from ingress.api import docs, health
from ingress.api.jobs import cancel_job, read_job
from ingress.api.query import query
from ingress.authentication import authenticated
from ingress.context import IngressContext
from ingress.envelope import Envelope
from ingress.problems import problem_response, translate
from shared.errors import InternalError, SentinelError

logger = logging.getLogger(__name__)


def build(ctx: IngressContext) -> ASGIApp:
    """Make the ASGI application of one ingress process."""

    def context() -> IngressContext:
        return ctx

    app = Litestar(
        route_handlers=[
            Router("/v1", route_handlers=[query, read_job, cancel_job], guards=[authenticated(ctx.key_ring)]),
            health.livez,
            health.readyz,
            health.show_metrics,
            docs.openapi_json,
            docs.explain_problem,
            docs.assets(),
        ],
        dependencies={"ctx": Provide(context, sync_to_thread=False)},
        exception_handlers={
            SentinelError: _sentinel_error,
            HTTPException: _http_exception,
            Exception: _unexpected,
        },
        openapi_config=docs.openapi(version("sentinel-gateway")),
        request_max_body_size=ctx.settings.max_body_bytes,
        # Its default logging set-up would replace ours.
        logging_config=None,
    )
    return Envelope(app, ctx.drain, ctx.admission)


def _sentinel_error(request: Request[Any, Any, Any], error: SentinelError) -> Response[bytes]:
    return problem_response(request, error)


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    return problem_response(request, translate(error))


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("request broke", exc_info=error)
    return problem_response(
        request, InternalError("Something broke; the log has the rest under this request id.")
    )
