"""The real application and a worker, driven from plain functions; one event loop, one Redis."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from itertools import count
from typing import Any, Self, TypeVar, cast

import httpx

from shared.key_store import NewKey
from tests.support.gateway import ADMIN_KEY, Gateway, gateway, settings_for, working
from tests.support.worker import DIMENSIONS, FakeEmbedder, FakeProvider

T = TypeVar("T")

PROMPTS = tuple(f"prompt {n}" for n in range(4))
NEAR = {prompt: f"{prompt}, please" for prompt in PROMPTS}
"""Each prompt's paraphrase, which the embedder finds near enough."""


class World:
    """An application with a provider that never gives the same answer twice."""

    def __init__(self, url: str, **settings: Any) -> None:
        self._url = url
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self._examples = count()
        self.served: Gateway

    def __enter__(self) -> Self:
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._stack.aclose())
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it now, while everything else goes on as well."""
        return self._loop.run_until_complete(work)

    def send(self, method: str, path: str, key: str, **options: Any) -> httpx.Response:
        """Send a request with a key."""
        headers = {"X-API-Key": key, **options.pop("headers", {})}
        return self.run(self.served.client.request(method, path, headers=headers, **options))

    def administer(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send an administrator's request."""
        return self.send(method, path, ADMIN_KEY, **options)

    def new_tenant(self, name: str) -> tuple[str, str]:
        """A tenant that nobody has seen before, and a key of its."""
        tenant = f"{name}{next(self._examples)}"
        wanted = NewKey(tenant=tenant, owner="first", scopes=("query", "jobs"), tier="default")
        key, _ = self.run(self.served.ctx.key_store.create(wanted))
        return tenant, key

    async def _start(self) -> None:
        settings = settings_for(self._url, key_recheck_s=1e-9, redis_timeout_s=30.0, **self._settings)
        self.served = await self._stack.enter_async_context(gateway(settings))
        worker = await self._stack.enter_async_context(working(settings))
        embedder = cast("FakeEmbedder", worker.semantic._embedder)
        for n, prompt in enumerate(PROMPTS):
            vector = [float(n == i) for i in range(DIMENSIONS)]
            embedder.table[prompt] = vector
            embedder.table[NEAR[prompt]] = [*vector[:-1], 0.1]
        answers = count()
        provider = cast("FakeProvider", worker.buyer.offers("any")[0].provider)
        provider.reply = lambda _: f"answer {next(answers)}"
