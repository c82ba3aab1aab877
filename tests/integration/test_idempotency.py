"""Idempotency-Key: one request, one answer, however often it is sent."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest
from redis.asyncio import Redis

from shared.errors import ProviderRefused
from shared.redis import keys
from tests.support.gateway import OTHER_KEY, USER_KEY, Gateway, gateway, settings_for, working
from tests.support.redis_process import RedisProcess
from tests.support.worker import FakeProvider
from workers.context import WorkerContext

pytestmark = pytest.mark.anyio
CHAT = "/v1/chat/completions"
MODEL = "openai/gpt-oss-20b"


@pytest.fixture
async def running(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[tuple[Gateway, FakeProvider]]:
    """The application and a worker whose provider the test controls."""
    settings = settings_for(redis_server.url)
    async with gateway(settings) as served, working(settings) as worker:
        yield served, provider_of(worker)


def provider_of(worker: WorkerContext) -> FakeProvider:
    """The scripted provider of a worker."""
    return cast("FakeProvider", worker.buyer.offers("any")[0].provider)


async def ask(
    served: Gateway,
    prompt: str,
    key: str,
    *,
    path: str = "/v1/query",
    caller: str = USER_KEY,
    prefer: str = "wait=20",
    **body: Any,
) -> httpx.Response:
    """Send a request with an idempotency key; nothing of it is stored or looked up in the cache."""
    asked: dict[str, Any] = {"prompt": prompt, "cache": {"no-cache": True, "no-store": True}, **body}
    if path == CHAT:
        asked["messages"] = [{"role": "user", "content": asked.pop("prompt")}]
        asked["model"] = MODEL
    headers = {"X-API-Key": caller, "Idempotency-Key": key, "Prefer": prefer}
    return await served.client.post(path, json=asked, headers=headers)


@pytest.mark.parametrize("path", ["/v1/query", CHAT])
async def test_a_repeat_gets_the_first_answer_and_says_so(
    running: tuple[Gateway, FakeProvider], path: str
) -> None:
    """Byte for byte, although the cache was forbidden to help; nothing is asked twice."""
    served, provider = running
    first = await ask(served, "q", "one", path=path)
    again = await ask(served, "q", "one", path=path)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(provider.calls) == 1


async def test_a_repeat_joins_the_first_while_it_is_under_way(running: tuple[Gateway, FakeProvider]) -> None:
    """Ten at once are one call."""
    served, provider = running
    provider.may_answer.clear()
    asked = [asyncio.create_task(ask(served, "q", "one")) for _ in range(10)]
    await provider.called.wait()
    provider.may_answer.set()
    replies = await asyncio.gather(*asked)
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert len(provider.calls) == 1


async def test_another_request_under_the_same_key_is_refused(running: tuple[Gateway, FakeProvider]) -> None:
    """Another body, or the same at another address; another caller's key is its own."""
    served, provider = running
    await ask(served, "q", "one")
    for reused in (
        await ask(served, "other", "one"),
        await ask(served, "q", "one", max_tokens=5),
        await ask(served, "q", "one", path=CHAT),
    ):
        assert (reused.status_code, reused.json()["code"]) == (422, "idempotency_key_reused")
    assert (await ask(served, "other", "one", caller=OTHER_KEY)).status_code == 200
    assert len(provider.calls) == 2


async def test_a_failure_is_not_repeated(running: tuple[Gateway, FakeProvider]) -> None:
    """Who tries again under the same key is served, also with another request."""
    served, provider = running
    answer, provider.reply = provider.reply, lambda _: ProviderRefused("no")
    assert (await ask(served, "q", "one")).status_code == 400
    provider.reply = answer
    assert (await ask(served, "better", "one")).status_code == 200


async def test_an_accepted_job_is_accepted_once(running: tuple[Gateway, FakeProvider]) -> None:
    """The repeat is told the same job."""
    served, provider = running
    first = await ask(served, "q", "one", prefer="respond-async")
    again = await ask(served, "q", "one", prefer="respond-async")
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Location"] == first.headers["Location"]
    await provider.called.wait()
    assert len(provider.calls) == 1


@pytest.mark.parametrize("key", ["two words", "x" * 256, "caf\u00e9"])
async def test_a_key_that_is_none_is_refused(redis: Redis, redis_server: RedisProcess, key: str) -> None:
    """Before anything is asked: nothing is queued."""
    headers = [(b"X-API-Key", USER_KEY.encode()), (b"Idempotency-Key", key.encode())]
    async with gateway(settings_for(redis_server.url)) as served:
        refused = await served.client.post("/v1/query", json={"prompt": "q"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_request")
    assert await redis.exists(keys.queue()) == 0


async def test_what_is_kept_names_neither_key_nor_question_and_goes_away(
    running: tuple[Gateway, FakeProvider], redis: Redis
) -> None:
    """After a day."""
    served, _ = running
    await ask(served, "secret question", "secret-key")
    [name] = [name async for name in redis.scan_iter(match=keys.idempotency("*", "*"))]
    kept = await redis.hgetall(name)  # type: ignore[misc]
    assert b"secret" not in name + b"".join(kept.values())
    assert 86_390_000 < await redis.pttl(name) <= 86_400_000
