"""A tenant's own budget: set by administrators, held at the door of every ingress."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from shared.audit import AuditLog
from tests.support.gateway import ADMIN_KEY, OTHER_KEY, USER_KEY, Gateway, gateway, settings_for
from tests.support.redis_process import RedisProcess
from tests.support.worker import until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def served(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[Gateway]:
    """An ingress; nobody works, so that what is asked stays set aside."""
    async with gateway(settings_for(redis_server.url)) as found:
        yield found


async def ask(served: Gateway, key: str, prompt: str) -> httpx.Response:
    """Hand a question in."""
    headers = {"X-API-Key": key, "Prefer": "respond-async"}
    return await served.client.post("/v1/query", json={"prompt": prompt}, headers=headers)


async def administer(served: Gateway, method: str, path: str, **asked: object) -> httpx.Response:
    """Do something as an administrator."""
    headers = {"X-API-Key": ADMIN_KEY}
    return await served.client.request(method, f"/admin/budgets{path}", headers=headers, **asked)  # type: ignore[arg-type]


async def test_a_tenant_is_held_to_its_own_budget_and_others_are_not(served: Gateway) -> None:
    """Another ingress set it; it is in force within two seconds, and gone as fast."""
    async with gateway(served.ctx.settings) as other:
        put = await administer(other, "PUT", "/tenant/other", json={"day_hard_usd": 0.000001})
        assert put.status_code == 200, put.text
    await until(lambda: _is(bool(served.ctx.budget_watch.own)))
    refused = await ask(served, OTHER_KEY, "a question")
    assert (refused.status_code, refused.json()["code"]) == (402, "budget_exceeded")
    assert refused.json()["budget"]["name"] == "tenant-day"
    assert (await ask(served, USER_KEY, "a question")).status_code == 202
    assert (await administer(served, "DELETE", "/tenant/other")).json() == {"removed": True}
    await until(lambda: _is(not served.ctx.budget_watch.own))
    assert (await ask(served, OTHER_KEY, "a question")).status_code == 202


async def test_an_ingress_knows_the_budgets_before_its_first_caller(served: Gateway) -> None:
    """One that starts is not a second without them."""
    await administer(served, "PUT", "/tenant/other", json={"month_hard_usd": 0})
    async with gateway(served.ctx.settings) as late:
        assert (await ask(late, OTHER_KEY, "a question")).status_code == 402


async def test_budgets_are_listed_and_every_change_is_audited(served: Gateway) -> None:
    """With whoever made it; what cannot be is a 400 or a 404."""
    await administer(served, "PUT", "/key/key_1", json={"day_soft_usd": 1})
    listed = (await administer(served, "GET", "")).json()
    assert listed["every"]["tenant"] == dict.fromkeys(listed["every"]["tenant"])
    assert [(one["holder"], one["name"], one["budget"]["day_soft_usd"]) for one in listed["own"]] == [
        ("key", "key_1", 1)
    ]
    [note] = await AuditLog(served.ctx.queue, kept=10).newest(10)
    assert (note.action, note.subject, note.detail) == ("set budget", "key key_1", "day_soft $1")
    wrong = await administer(served, "PUT", "/key/key_1", json={"day_soft_usd": 2, "day_hard_usd": 1})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (400, "/day_soft_usd")
    for path, body in (("/key/key_1", {"day_soft_usd": -1}), ("/nobody/x", {}), ("/key/a%20b", {})):
        assert (await administer(served, "PUT", path, json=body)).status_code in (400, 404), path
    assert (await administer(served, "DELETE", "/key/key_2")).status_code == 404


async def _is(found: bool) -> bool:  # noqa: FBT001 - `until` awaits its condition
    return found
