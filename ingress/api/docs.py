"""The API's own description: OpenAPI 3.1, Swagger UI without a CDN, and a page for each kind of problem."""

import html
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromPath
from litestar.router import Router
from litestar.static_files import create_static_files_router

from ingress.api.described import describe
from ingress.authentication import needs
from shared.errors import NotFound, SentinelError

ASSETS = "/docs-assets"
DOCS = needs("open", unless="docs_access")


def openapi(version: str) -> OpenAPIConfig:
    """Describe the API, and show it at /docs."""
    return OpenAPIConfig(
        title="Sentinel",
        version=version,
        description="A semantic LLM gateway: a thousand identical questions cost one call.",
        openapi_router=Router(
            "/docs", route_handlers=[], opt=DOCS, include_in_schema=False, before_request=describe
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                path="/swagger",
                js_url=f"{ASSETS}/swagger-ui-bundle.js",
                css_url=f"{ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{ASSETS}/swagger-ui-standalone-preset.js",
            ),
            JsonRenderPlugin(path="/openapi.json"),
        ],
        components=Components(
            security_schemes={
                "apiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
                "bearer": SecurityScheme(type="http", scheme="bearer"),
            }
        ),
        security=[{"apiKey": []}, {"bearer": []}],
    )


def assets() -> Router:
    """Serve Swagger UI from the package that carries it, of which nothing is imported."""
    spec = find_spec("drf_spectacular_sidecar")
    if spec is None or spec.origin is None:  # pragma: no cover - a locked dependency
        raise RuntimeError("the package with Swagger UI is not installed")
    folder = Path(spec.origin).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
    return create_static_files_router(path=ASSETS, directories=[folder], include_in_schema=False, opt=DOCS)


@get("/openapi.json", opt=DOCS, include_in_schema=False, before_request=describe)
async def openapi_json(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the API's description for tools."""
    return Response(
        msgspec.json.encode(request.app.openapi_schema.to_schema()), media_type="application/json"
    )


@get("/problems/{code:str}", opt=needs("open"), media_type=MediaType.HTML, include_in_schema=False)
async def explain_problem(code: FromPath[str]) -> str:
    """Say what a problem's `type` means: its cause, its status, and whether to try again."""
    for kind in _kinds(SentinelError):
        if kind.code == code:
            retry = "may help" if kind.retryable else "does not help"
            return (
                f"<!doctype html><html lang=en><title>{html.escape(kind.title)}</title>"
                f"<h1>{html.escape(kind.title)}</h1><p>{html.escape(kind.__doc__ or '')}</p>"
                f"<p>Code <code>{kind.code}</code>, status {kind.status}. Sending the same again {retry}.</p>"
            )
    raise NotFound("There is no problem of this kind.")


def _kinds(kind: type[SentinelError]) -> Iterator[type[SentinelError]]:
    yield kind
    for narrower in kind.__subclasses__():
        yield from _kinds(narrower)
