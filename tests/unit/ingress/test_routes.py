"""Every route says whom it is for, and somebody has decided so."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler

from ingress.app import build
from ingress.authentication import OPEN, SCOPE
from shared.settings import Settings

pytestmark = pytest.mark.unit

DECIDED: dict[tuple[str, str], str] = {
    ("POST", "/v1/query"): "query",
    ("POST", "/v1/chat/completions"): "query",
    ("POST", "/openai/v1/chat/completions"): "query",
    ("GET", "/v1/chat/completions/{completion_id}"): "jobs",
    ("GET", "/openai/v1/chat/completions/{completion_id}"): "jobs",
    ("POST", "/v1/embeddings"): "query",
    ("POST", "/openai/v1/embeddings"): "query",
    ("POST", "/v1/batches"): "query",
    ("GET", "/v1/batches"): "jobs",
    ("GET", "/v1/batches/{batch_id}"): "jobs",
    ("GET", "/v1/batches/{batch_id}/results"): "jobs",
    ("POST", "/v1/batches/{batch_id}/cancel"): "jobs",
    ("GET", "/v1/models"): "query",
    ("GET", "/v1/models/{name}"): "query",
    ("GET", "/openai/v1/models"): "query",
    ("GET", "/openai/v1/models/{name}"): "query",
    ("POST", "/v1/feedback"): "query",
    ("POST", "/v1/cache/purge"): "query",
    ("DELETE", "/v1/cache/entries/{entry_id}"): "query",
    ("GET", "/v1/jobs/{job_id}"): "jobs",
    ("GET", "/v1/jobs/{job_id}/events"): "jobs",
    ("POST", "/v1/jobs/{job_id}/cancel"): "jobs",
    ("GET", "/v1/usage"): "jobs",
    ("GET", "/admin/breakers"): "admin",
    ("GET", "/admin/cache/bound"): "admin",
    ("POST", "/admin/breakers/{provider}/reset"): "admin",
    ("GET", "/admin/budgets"): "admin",
    ("PUT", "/admin/budgets/{holder}/{name}"): "admin",
    ("DELETE", "/admin/budgets/{holder}/{name}"): "admin",
    ("POST", "/admin/keys"): "admin",
    ("GET", "/admin/keys"): "admin",
    ("POST", "/admin/keys/{key_id}/rotate"): "admin",
    ("DELETE", "/admin/keys/{key_id}"): "admin",
    ("GET", "/admin/overview"): "view",
    ("GET", "/admin/jobs"): "view",
    ("GET", "/admin/jobs/{job_id}"): "view",
    ("GET", "/admin/workers"): "view",
    ("GET", "/admin/queues"): "view",
    ("GET", "/admin/dead-letters"): "view",
    ("GET", "/admin/stuck"): "view",
    ("GET", "/admin/cache/entries"): "view",
    ("GET", "/admin/cache/entries/{entry_id}/similar"): "view",
    ("GET", "/admin/audit"): "view",
    ("POST", "/admin/jobs/actions"): "operate",
    ("POST", "/admin/jobs/{job_id}/{action}"): "operate",
    ("POST", "/admin/workers/{worker}/{wish}"): "operate",
    ("POST", "/admin/queues/{priority}/{action}"): "operate",
    ("POST", "/admin/dead-letters/{action}"): "operate",
    ("GET", "/livez"): OPEN,
    ("GET", "/readyz"): OPEN,
    ("GET", "/health"): OPEN,
    ("GET", "/metrics"): OPEN,
    ("GET", "/openapi.json"): OPEN,
    ("GET", "/problems/{code}"): OPEN,
    ("GET", "/docs-assets/{file_path}"): OPEN,
    ("HEAD", "/docs-assets/{file_path}"): OPEN,
    ("GET", "/docs"): OPEN,
    ("GET", "/docs/swagger"): OPEN,
    ("GET", "/docs/openapi.json"): OPEN,
    ("GET", "/docs/oauth2-redirect.html"): OPEN,
    ("GET", "/docs/{path}"): OPEN,
}
"""Whom each route is for. A new route has to be decided upon here before it is served.

Pages are not opened by keys: who may reach which is decided in test_dashboard_access.py.
"""
PAGES = "/dashboard"


def routes_of(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    """Every method of every address, with what answers it; OPTIONS is Litestar's own and tells methods."""
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            for method in handler.http_methods:
                if method != "OPTIONS":
                    yield str(method), route.path_format, handler


def test_every_route_is_decided_upon() -> None:
    """A route that nobody has thought about fails here, and is closed to everybody until then."""
    built: Any = build(
        cast("Any", SimpleNamespace(settings=Settings(), callers=None, drain=None, admission=None))
    )
    found = {
        (method, path): handler.opt.get(SCOPE)
        for method, path, handler in routes_of(built._app)
        if not path.startswith(PAGES)
    }
    assert found == DECIDED
