"""What is near a stored answer: found by a worker from stored vectors, shown by an ingress."""

import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, cast

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from ingress.dashboard.signing_in import COOKIE
from shared import metrics, similar
from shared.ledger import Ledger
from shared.redis import keys
from shared.sessions import Sessions
from shared.wire.entry import decode_entry, encode
from tests.support.gateway import ADMIN_KEY, OTHER_KEY, USER_KEY, Gateway, gateway, settings_for, working
from tests.support.redis_process import RedisProcess
from tests.support.worker import FakeEmbedder, until
from workers.context import WorkerContext

pytestmark = pytest.mark.anyio

ASKED, TWIN = "What is the capital of France?", "what is the capital of France"
OPPOSITE = "What is not the capital of France?"
VECTORS = {ASKED: 0.0, TWIN: 0.2, OPPOSITE: 0.3, "How are clouds made?": 2.0}
"""How far each is from the first along the second axis; the last is too far to be proposed."""


class World(NamedTuple):
    """A gateway with a worker, both on one Redis."""

    served: Gateway
    worker: WorkerContext
    redis: Redis


@pytest.fixture
async def served(redis: Redis, redis_server: RedisProcess) -> AsyncIterator[Gateway]:
    """The application, without a worker."""
    async with gateway(settings_for(redis_server.url)) as found:
        yield found


@pytest.fixture
async def world(served: Gateway, redis: Redis) -> AsyncIterator[World]:
    """The same with a worker."""
    async with peopled(served, redis) as found:
        yield found


@asynccontextmanager
async def peopled(served: Gateway, redis: Redis) -> AsyncIterator[World]:
    """Let a worker work that knows the vectors of the questions."""
    async with working(served.ctx.settings) as worker:
        embedder = cast("FakeEmbedder", worker.semantic._embedder)
        embedder.table |= {text: [1.0, far, 0, 0, 0, 0, 0, 0] for text, far in VECTORS.items()}
        yield World(served, worker, redis)


async def store(world: World, prompt: str, key: str = USER_KEY) -> str:
    """Buy an answer and return its entry's id once it and its vector are stored."""
    body = {"prompt": prompt, "cache": {"no-cache": True}}
    headers = {"X-API-Key": key, "Prefer": "wait=10"}
    reply = await world.served.client.post("/v1/query", json=body, headers=headers)
    entry_id = str(reply.json()["id"]).partition(".")[0]

    async def stored() -> bool:
        return bool(await world.redis.exists(keys.entry(entry_id)))

    await until(stored)
    return entry_id


async def ask(world: World, entry_id: str, key: str = ADMIN_KEY, **query: str) -> httpx.Response:
    """Ask what is near an entry."""
    path = f"/admin/cache/entries/{entry_id}/similar"
    return await world.served.client.get(path, params=query, headers={"X-API-Key": key})


async def test_neighbours_come_nearest_first_with_what_the_policy_says(world: World) -> None:
    """A paraphrase would be served, an opposite is told apart, the rest is too far; nothing is another's."""
    found = {prompt: await store(world, prompt) for prompt in VECTORS}
    other = await store(world, TWIN, OTHER_KEY)
    answer = (await ask(world, found[ASKED], tenant="default")).json()
    assert answer["known"] is True
    assert answer["entry"]["id"] == found[ASKED]
    near = answer["similar"]
    assert [one["entry"]["id"] for one in near] == [found[prompt] for prompt in list(VECTORS)[1:]]
    assert other not in str(answer)
    assert [one["match"] for one in near] == [True, False, False]
    assert near[0]["similarity"] == pytest.approx(1 / 1.04**0.5, abs=1e-5)
    assert "would be served" in near[0]["verdict"]
    assert near[1]["similarity"] >= answer["threshold"] > near[2]["similarity"]
    assert [guard["guard"] for guard in near[1]["guards"] if not guard["passed"]] == ["polarity"]
    assert "too far apart" in near[2]["verdict"]
    assert "France" not in str([answer["entry"], *(one["entry"] for one in near)])


async def test_a_look_costs_nothing_and_is_remembered_nowhere(world: World) -> None:
    """No call, no embedding, no line in the ledger, no row of history, no hit, no verdict counted."""
    first = await store(world, ASKED)
    await store(world, TWIN)
    await until(lambda: _equal(world.redis.xlen("sentinel:history"), 2))
    calls = world.worker.buyer.offers("any")[0].provider.calls  # type: ignore[attr-defined]
    cast("FakeEmbedder", world.worker.semantic._embedder).error = AssertionError("nothing is embedded")
    ledger = Ledger([world.redis])
    today = await ledger.today()
    judged = metrics.semantic_verdicts.collect()
    booked, bought = await ledger.lines("default", range(today, today + 1)), len(calls)
    assert (await ask(world, first)).json()["similar"][0]["match"] is True
    assert await ledger.lines("default", range(today, today + 1)) == booked
    assert len(calls) == bought
    assert metrics.semantic_verdicts.collect() == judged
    assert await world.redis.xlen("sentinel:history") == 2
    assert await world.redis.exists(keys.entry_hits()) == 0
    assert await world.redis.zcard(keys.queue()) == 0


async def test_what_is_not_there_or_not_known_is_said(world: World) -> None:
    """404 without the entry, for another tenant, or after a purge; an older entry has no neighbours."""
    first = await store(world, ASKED)
    await store(world, TWIN)
    for entry_id, query in (("0" * 64, {}), (first, {"tenant": "other"})):
        assert (await ask(world, entry_id, **query)).status_code == 404
    assert (await ask(world, first, key=USER_KEY)).status_code == 403
    data = await cast("Any", world.redis).hget(keys.entry(first), "data")
    older = msgspec.structs.replace(decode_entry(data), partition="")
    await cast("Any", world.redis).hset(keys.entry(first), "data", encode(older))
    answer = (await ask(world, first)).json()
    assert (answer["known"], answer["similar"]) == (False, [])
    purge = {"tenant": "default", "all": True}
    await world.served.client.post("/v1/cache/purge", json=purge, headers={"X-API-Key": ADMIN_KEY})
    assert (await ask(world, first)).status_code == 404


async def test_without_a_worker_the_caller_is_told_to_come_again(
    served: Gateway, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 in the one error shape, in time; nothing is left in the queue, and the page says it as well."""
    monkeypatch.setattr("ingress.similar.DEADLINE_S", 0.2)
    async with peopled(served, redis) as world:
        first = await store(world, ASKED)
    reply = await ask(world, first)
    page = await _page(world, f"/cache/default/{first}", "viewer")
    assert reply.status_code == 503
    assert reply.json()["code"] == "unavailable"
    assert int(reply.headers["retry-after"]) == similar.RETRY_S
    assert "No worker answered" in reply.json()["detail"]
    assert await world.redis.zcard(keys.queue()) == 0
    assert page.status_code == 200
    assert "No worker answered" in page.text


async def test_the_page_tells_what_entries_say_only_to_who_asked_for_it(world: World) -> None:
    """Viewers never; operators once they have revealed it, which is in the audit log."""
    first = await store(world, ASKED)
    await store(world, TWIN)
    path = f"/cache/default/{first}"
    for role in ("viewer", "operator"):
        text = (await _page(world, path, role)).text
        assert "A match" in text
        assert "France" not in text
    sessions = Sessions(world.served.ctx.queue, lives_s=60)
    session = await sessions.begin("operator", "me")
    headers = {"Cookie": f"{COOKIE}={session.token}"}
    address = f"/dashboard{path}"
    client = world.served.client
    done = await client.post(f"{address}/reveal", data={"csrf": session.csrf}, headers=headers)
    assert done.headers["location"] == f"{address}?done=revealed"
    text = html.unescape((await client.get(address, headers=headers)).text)
    assert all(said in text for said in (ASKED, f"answer to {ASKED}", TWIN, f"answer to {TWIN}"))
    assert "reveal entry" in (await client.get("/dashboard/audit", headers=headers)).text


async def _page(world: World, path: str, role: Any) -> httpx.Response:
    session = await Sessions(world.served.ctx.queue, lives_s=60).begin(role, "test")
    headers = {"Cookie": f"{COOKIE}={session.token}"}
    return await world.served.client.get(f"/dashboard{path}", headers=headers)


async def _equal(found: Any, wanted: int) -> bool:
    return bool(await found == wanted)
