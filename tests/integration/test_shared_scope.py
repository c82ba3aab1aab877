"""Answers that all tenants may have, once enough of them have bought one on their own."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from tests.fuzz.world import PROMPTS, World
from tests.support.redis_process import RedisProcess

pytestmark = pytest.mark.integration


@pytest.fixture
def world(redis_server: RedisProcess) -> Iterator[World]:
    """A product whose operator shares what three tenants have bought, and which knows no answer yet."""
    with Redis(unix_socket_path=str(redis_server.socket)) as redis:
        redis.flushdb()
    with World(redis_server.url, shared_after_tenants=3) as started:
        yield started


def ask(world: World, key: str, **cache: Any) -> dict[str, Any]:
    """One tenant's question, always the same."""
    reply = world.send("POST", "/v1/query", key, json={"prompt": PROMPTS[0], "cache": cache})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = reply.json()
    return body


def bought_by_three(world: World) -> list[dict[str, Any]]:
    """What three tenants got, each on its own."""
    return [ask(world, world.new_tenant("buyer")[1]) for _ in range(3)]


def test_what_three_tenants_bought_is_served_to_a_fourth(world: World) -> None:
    """Without a call, and without anything of theirs but the answer."""
    bought = bought_by_three(world)
    assert [one["cache"]["status"] for one in bought] == ["miss"] * 3
    found = ask(world, world.new_tenant("fourth")[1])
    assert (found["cache"]["status"], found["cache"]["type"]) == ("hit", "exact")
    assert found["output"] == bought[-1]["output"]
    told = str(found)
    assert not [one["id"] for one in bought if one["id"].partition(".")[0] in told]


def test_one_tenant_shares_nothing_however_often_it_asks(world: World) -> None:
    """Tenants are counted, not questions: nobody makes an answer everybody's alone."""
    _, key = world.new_tenant("eager")
    for _ in range(4):
        ask(world, key, **{"no-cache": True})
    assert ask(world, world.new_tenant("other")[1])["cache"]["status"] == "miss"


@pytest.mark.parametrize("cache", [{"namespace": "n"}, {"tags": ["t"]}, {"no-cache": True}])
def test_who_keeps_its_answers_apart_gets_none_of_the_others(world: World, cache: dict[str, Any]) -> None:
    """A namespace, a tag, or the wish for a new answer."""
    bought_by_three(world)
    assert ask(world, world.new_tenant("apart")[1], **cache)["cache"]["status"] == "miss"


def test_what_a_tenant_has_purged_it_is_not_served_again(world: World) -> None:
    """It buys its own; the others still have theirs."""
    bought_by_three(world)
    _, key = world.new_tenant("critic")
    entry_id = ask(world, key)["cache"]["entry_id"]
    world.send("POST", "/v1/cache/purge", key, json={"entry": entry_id})
    assert ask(world, key)["cache"]["status"] == "miss"
    assert ask(world, world.new_tenant("fifth")[1])["cache"]["status"] == "hit"


def test_an_operator_can_purge_what_all_have(world: World) -> None:
    """By the tenant that stands for all of them."""
    bought_by_three(world)
    purged = world.administer("POST", "/v1/cache/purge", json={"all": True, "tenant": "*"})
    assert purged.status_code == 200, purged.text
    assert ask(world, world.new_tenant("late")[1])["cache"]["status"] == "miss"
