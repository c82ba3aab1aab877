"""The real application in the test's own process, on a real Redis, with or without a worker beside it."""

import contextlib
from collections.abc import AsyncIterator

import httpx
import msgspec
from litestar import Litestar
from msgspec import Struct
from redis.asyncio import Redis

from ingress.app import build
from ingress.context import IngressContext, ingress_context
from ingress.envelope import Envelope
from shared.cache import EntryStore
from shared.secret import Secret
from shared.settings import Settings
from tests.support import worker as workers
from workers.context import WorkerContext

USER_KEY = "user-key-for-tests"
OTHER_KEY = "other-key-for-tests"
ADMIN_KEY = "admin-key-for-tests"


class Gateway(Struct, frozen=True):
    """An application and whoever calls it."""

    ctx: IngressContext
    app: Litestar
    client: httpx.AsyncClient


def settings_for(url: str, **settings: object) -> Settings:
    """Two tenants and an admin, with buckets that never run out."""
    known: dict[str, object] = {
        "redis_url": url,
        "user_keys": Secret(f"{USER_KEY},other:{OTHER_KEY}"),
        "admin_keys": Secret(ADMIN_KEY),
        "rate_capacity": 1e9,
        "rate_refill_per_s": 1e8,
    }
    return Settings(**(known | settings))  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def gateway(settings: Settings) -> AsyncIterator[Gateway]:
    """Serve without a socket: what uvicorn would refuse reaches the application here."""
    async with ingress_context(settings) as ctx:
        enveloped = build(ctx)
        assert isinstance(enveloped, Envelope)
        litestar = enveloped._app
        assert isinstance(litestar, Litestar)
        transport = httpx.ASGITransport(enveloped, raise_app_exceptions=True)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield Gateway(ctx, litestar, client)


@contextlib.asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[WorkerContext]:
    """Run a worker beside it whose provider and embedder the test controls."""
    cache = Redis.from_url(settings.cache_url)
    async with workers.context(settings.redis_url, settings) as made:
        ctx = msgspec.structs.replace(made, entries=EntryStore(cache))
        async with workers.at_work(ctx, workers.STOCK):
            yield ctx
    await cache.aclose()
