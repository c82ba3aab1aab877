"""The application: routes, guards, errors and the envelope, put together."""

import functools
import logging
from importlib.metadata import version
from typing import Any

from litestar import Litestar, Request, Response, Router
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, ControllerRouterHandler

from ingress.api import breakers, budgets, docs, health, keys, operating, operations
from ingress.api.batches import cancel_batch, create_batch, list_batches, read_batch, read_results
from ingress.api.bound import show_bound
from ingress.api.cache import delete_entry, purge_cache
from ingress.api.chat import complete_chat, read_completion
from ingress.api.embeddings import create_embeddings
from ingress.api.events import follow_job
from ingress.api.feedback import give_feedback
from ingress.api.jobs import cancel_job, read_job
from ingress.api.models import list_models, read_model
from ingress.api.query import query
from ingress.api.usage import read_usage
from ingress.authentication import authorised
from ingress.body import readable
from ingress.context import IngressContext
from ingress.dashboard.board import board_of
from ingress.dashboard.routes import dashboard
from ingress.envelope import Envelope
from ingress.problems import problem_response, translate
from shared import metrics
from shared.errors import InternalError, SentinelError

logger = logging.getLogger(__name__)

BATCHES = (create_batch, list_batches, read_batch, read_results, cancel_batch)
CALLERS = (
    *(query, read_job, follow_job, cancel_job, give_feedback, read_usage),
    *(purge_cache, delete_entry),
)
"""What callers ask, in our own shapes."""
OPENAI = (complete_chat, read_completion, create_embeddings, list_models, read_model)
"""What existing clients find when only their base URL is changed."""
ADMIN = (
    *(breakers.list_breakers, breakers.reset_breaker, show_bound),
    *(budgets.list_budgets, budgets.put_budget, budgets.remove_budget),
    *(keys.create_key, keys.list_keys, keys.rotate_key, keys.revoke_key),
    *(operations.read_overview, operations.find_jobs, operations.read_any_job, operations.list_workers),
    *(operations.list_queues, operations.list_letters, operations.list_stuck, operations.list_entries),
    *(operations.find_similar, operations.read_audit),
    *(operating.act_on_job, operating.act_on_jobs, operating.act_on_worker, operating.act_on_queue),
    operating.act_on_letters,
)
"""What operators see and do, as JSON."""


def build(ctx: IngressContext) -> ASGIApp:
    """Make the ASGI application of one ingress process."""

    def context() -> IngressContext:
        return ctx

    release = version("sentinel-gateway")
    metrics.build_info.labels(release).set(1)
    board = functools.cache(lambda: board_of(ctx))
    app = Litestar(
        route_handlers=[*_routes(ctx), dashboard(board)],
        guards=[authorised(ctx.callers, ctx.settings), readable],
        dependencies={
            "ctx": Provide(context, sync_to_thread=False),
            "board": Provide(board, sync_to_thread=False),
        },
        exception_handlers={
            SentinelError: _sentinel_error,
            HTTPException: _http_exception,
            Exception: _unexpected,
        },
        openapi_config=docs.openapi(release),
        request_max_body_size=ctx.settings.max_body_bytes,
        # Its default logging set-up would replace ours.
        logging_config=None,
    )
    return Envelope(app, ctx.drain, ctx.admission, ctx.settings)


def _routes(ctx: IngressContext) -> list[ControllerRouterHandler]:
    return [
        Router("/v1", route_handlers=[*CALLERS, *OPENAI]),
        Router("/v1", route_handlers=[*BATCHES], request_max_body_size=ctx.settings.batch_max_bytes),
        # Groq's SDK puts this before the same addresses.
        Router("/openai/v1", route_handlers=[*OPENAI]),
        Router("/admin", route_handlers=[*ADMIN]),
        *(health.livez, health.readyz, health.show_metrics),
        *(docs.openapi_json, docs.explain_problem, docs.assets()),
    ]


def _sentinel_error(request: Request[Any, Any, Any], error: SentinelError) -> Response[bytes]:
    return problem_response(request, error)


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    answer = problem_response(request, translate(error))
    if allowed := (error.headers or {}).get("allow"):
        # RFC 9110, 15.5.6: a 405 names what the address does take.
        answer.headers["Allow"] = allowed
    return answer


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    logger.error("request broke", exc_info=error)
    return problem_response(
        request, InternalError("Something broke; the log has the rest under this request id.")
    )
