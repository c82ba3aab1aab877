"""Limits through the real application: tiers, what a hit costs, quotas, and a queue Redis that is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from shared.key_store import NewKey
from shared.redis import keys
from shared.settings import Settings
from tests.support.gateway import USER_KEY, Gateway, gateway, settings_for, working
from tests.support.redis_process import RedisProcess
from tests.support.worker import until

pytestmark = pytest.mark.anyio

TIERS = """
[slow]
burst = 2
rate_per_s = 0.001
[hits]
burst = 3
rate_per_s = 0.001
hit_cost = 0.1
[narrow]
jobs_max = 1
[frugal]
tokens_per_minute = 1500
"""


@pytest.fixture
def settings(redis_server: RedisProcess, tmp_path: Path) -> Settings:
    """Four tiers beside the default one."""
    path = tmp_path / "tiers.toml"
    path.write_text(TIERS)
    return settings_for(redis_server.url, tiers_file=str(path))


@pytest.fixture
async def served(redis: Redis, settings: Settings) -> AsyncIterator[Gateway]:
    """The application alone: what is asked stays queued."""
    async with gateway(settings) as found:
        yield found


async def key_of(served: Gateway, tier: str) -> dict[str, str]:
    """The headers of a new key of a tier."""
    wanted = NewKey(tenant="t", owner=tier, scopes=("query", "jobs"), tier=tier)
    key, _ = await served.ctx.key_store.create(wanted)
    return {"X-API-Key": key, "Prefer": "respond-async"}


async def ask(served: Gateway, prompt: str, headers: dict[str, str], **body: object) -> httpx.Response:
    """Ask a question."""
    return await served.client.post("/v1/query", json={"prompt": prompt, **body}, headers=headers)


async def test_a_key_has_the_limits_of_its_tier_and_is_told_them(served: Gateway) -> None:
    """In the policy's name, the headers and the refusal."""
    headers = await key_of(served, "slow")
    replies = [await ask(served, f"q{n}", headers) for n in range(3)]
    assert [reply.status_code for reply in replies] == [202, 202, 429]
    assert replies[0].headers["RateLimit-Policy"].startswith('"slow";q=2;')
    assert replies[-1].json()["code"] == "rate_limit_exceeded"
    assert replies[-1].json()["violated-policies"] == ["slow"]


async def test_a_hit_costs_what_the_tier_says_and_a_miss_one(served: Gateway, settings: Settings) -> None:
    """Three tokens are one miss and twenty hits; a hit can still be had when a miss cannot."""
    headers = await key_of(served, "hits")
    async with working(settings):
        first = await ask(served, "known", {**headers, "Prefer": "wait=20"})
        assert first.status_code == 200
    assert float(first.headers["X-RateLimit-Remaining"]) == 2
    hits = [await ask(served, "known", headers) for _ in range(15)]
    assert {hit.status_code for hit in hits} == {200}
    assert hits[-1].json()["cache"]["status"] == "hit"
    assert (await ask(served, "unknown", headers)).status_code == 429
    assert (await ask(served, "known", headers)).status_code == 200


async def test_a_key_with_as_many_jobs_as_it_may_is_told_so(served: Gateway) -> None:
    """It can join what is under way, and cancel it to make room."""
    headers = await key_of(served, "narrow")
    first = await ask(served, "one", headers)
    refused = await ask(served, "two", headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_jobs")
    assert refused.headers["Retry-After"]
    assert (await ask(served, "one", headers)).json()["id"] == first.json()["id"]
    await served.client.post(f"/v1/jobs/{first.json()['id']}/cancel", headers=headers)
    assert (await ask(served, "two", headers)).status_code == 202


async def test_a_key_buys_so_many_tokens_a_minute(served: Gateway) -> None:
    """What a question may take is set aside when it is asked."""
    headers = await key_of(served, "frugal")
    replies = [await ask(served, f"q{n}", headers, max_tokens=1_000) for n in range(2)]
    assert [reply.status_code for reply in replies] == [202, 429]
    assert replies[1].json()["code"] == "token_limit_exceeded"
    assert 20 < int(replies[1].headers["Retry-After"]) < 60


async def test_a_tier_that_nobody_listed_is_refused_when_a_key_is_made(served: Gateway) -> None:
    """With a pointer to the field."""
    headers = {"X-API-Key": "admin-key-for-tests"}
    reply = await served.client.post("/admin/keys", json={"owner": "a", "tier": "golden"}, headers=headers)
    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (400, "/tier")


@contextlib.asynccontextmanager
async def without_queue(policy: str) -> AsyncIterator[Gateway]:
    """Serve with an answer in a cache Redis of its own, and a queue Redis that has just gone away."""
    with RedisProcess() as queue, RedisProcess() as cache:
        settings = settings_for(
            queue.url,
            cache_redis_url=cache.url,
            rate_without_redis=policy,
            rate_capacity=10.0,
            rate_refill_per_s=1_000.0,
        )
        async with gateway(settings) as served:
            async with working(settings):
                await ask(served, "known", {"X-API-Key": USER_KEY})
                await until(partial(stored, cache.url))
            queue.kill()
            yield served


async def stored(url: str) -> bool:
    """Whether the answer has reached the cache Redis."""
    async with Redis.from_url(url) as redis:
        return bool([name async for name in redis.scan_iter(match=keys.entry("*"))])


async def test_without_the_queue_redis_nobody_is_admitted_by_default(served: Gateway) -> None:
    """Fail closed: a limit that cannot be kept is no limit. Probes say so."""
    async with without_queue("closed") as alone:
        refused = await ask(alone, "known", {"X-API-Key": USER_KEY})
        assert (refused.status_code, refused.json()["code"]) == (503, "redis_unavailable")
        ready = await alone.client.get("/readyz?verbose")
        assert ready.status_code == 503
        assert ready.json()["admission"]["without_redis"] == "closed"


async def test_with_local_buckets_what_is_stored_is_still_served(served: Gateway) -> None:
    """At the key's rate over the known ingresses; what is not stored is refused as before."""
    async with without_queue("local") as alone:
        headers = {"X-API-Key": USER_KEY}

        async def admitted(prompt: str) -> httpx.Response:
            # A local bucket begins empty, and has a token a millisecond later.
            while (reply := await ask(alone, prompt, headers)).status_code == 429:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            return reply

        hit = await admitted("known")
        assert hit.status_code == 200
        assert hit.json()["cache"]["status"] == "hit"
        assert (await admitted("unknown")).status_code == 503
        ready = await alone.client.get("/readyz?verbose")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["admission"] == {"without_redis": "local", "buckets": "local", "ingresses": 1}
