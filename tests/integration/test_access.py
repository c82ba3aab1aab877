"""Who may reach what: every role at every route, from the application's own route table."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from ingress.authentication import OPEN
from shared.clients import SCOPES, Scope
from shared.key_store import NewKey
from tests.support.gateway import ADMIN_KEY, USER_KEY, Gateway, gateway, settings_for
from tests.support.redis_process import RedisProcess
from tests.unit.ingress.test_routes import DECIDED

pytestmark = pytest.mark.anyio

ROLES: dict[str, tuple[Scope, ...] | None] = {
    "nobody": None,
    "stranger": None,
    "user": ("query", "jobs"),
    "administrator": SCOPES,
    "revoked": None,
    "ended": None,
    **{f"only {scope}": (scope,) for scope in SCOPES},
}


@pytest.fixture
async def served(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[Gateway]:
    """The application as it is deployed by default."""
    async with gateway(settings_for(redis_server.url)) as found:
        yield found


async def keys_of(served: Gateway) -> dict[str, str | None]:
    """A key for each role, made in the store where the environment has none."""
    store = served.ctx.key_store
    found: dict[str, str | None] = {"nobody": None, "stranger": "snt_unknown-to-everybody", "user": USER_KEY}
    found["administrator"] = ADMIN_KEY
    for scope in SCOPES:
        wanted = NewKey(tenant="t", owner=scope, scopes=(scope,), tier="default")
        found[f"only {scope}"], _ = await store.create(wanted)
    everything = NewKey(tenant="t", owner="gone", scopes=SCOPES, tier="default")
    found["revoked"], revoked = await store.create(everything)
    await store.revoke(revoked.key_id)
    found["ended"], ended = await store.create(everything)
    await store.rotate(ended.key_id, grace_ms=0)
    return found


async def test_every_cell_of_role_by_route(served: Gateway) -> None:
    """401 without a working key, 403 without the scope, and neither with it, before the body is looked at."""
    keys = await keys_of(served)
    for (method, path), needed in DECIDED.items():
        address = re.sub(r"\{\w+\}", "unknown", path)
        for role, scopes in ROLES.items():
            key = keys[role]
            headers = {} if key is None else {"Authorization": f"Bearer {key}"}
            body: Any = b"{" if method == "POST" else None
            reply = await served.client.request(method, address, headers=headers, content=body)
            cell = f"{role} {method} {address}: {reply.status_code}"
            assert reply.status_code < 500, cell
            if needed == OPEN or (scopes is not None and needed in scopes):
                assert reply.status_code not in {401, 403}, cell
            else:
                assert reply.status_code == (401 if scopes is None else 403), cell


@pytest.mark.parametrize(
    "address",
    ["//admin/keys", "/admin//keys", "/admin/keys/", "/ADMIN/keys", "/v1/../admin/keys", "/admin/%6beys"],
)
async def test_no_way_of_writing_an_address_leads_around_the_guard(served: Gateway, address: str) -> None:
    """What is asked is the route that was matched, not the text of the address."""
    reply = await served.client.get(f"http://gateway{address}", headers={"X-API-Key": USER_KEY})
    assert reply.status_code in {403, 404}


@pytest.mark.parametrize("where", ["api_key", "key", "x-api-key", "access_token"])
async def test_a_key_in_the_address_is_no_key(served: Gateway, where: str) -> None:
    """Addresses are logged by everybody on the way."""
    reply = await served.client.get("/v1/models", params={where: USER_KEY})
    assert reply.status_code == 401
    assert USER_KEY not in reply.text
