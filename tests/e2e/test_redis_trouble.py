"""Real processes on two Redis servers, either of which is killed, paused, slow, read-only or full (G5)."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from tests.support.redis_process import RedisProcess
from tests.support.stack import Process, Stack, running, wait_until

AWAY = "cache redis is away"
STARTS_AND_EXITS_S = 40
"""Enough for two interpreters to start on a busy machine."""


def tell(*command: str) -> Callable[[RedisProcess], None]:
    """Make a step that gives a server one command."""

    def step(server: RedisProcess) -> None:
        with redis.Redis.from_url(server.url) as client:
            client.execute_command(*command)

    return step


@dataclass(frozen=True)
class Trouble:
    """What is done to a server and how it ends; `is_full` when only new data is refused."""

    begin: Callable[[RedisProcess], None]
    end: Callable[[RedisProcess], None]
    is_gone: bool = False
    is_full: bool = False


TROUBLES = {
    "paused": Trouble(RedisProcess.pause, RedisProcess.resume, is_gone=True),
    "killed": Trouble(RedisProcess.kill, RedisProcess.start, is_gone=True),
    "read-only": Trouble(tell("REPLICAOF", "127.0.0.1", "1"), tell("REPLICAOF", "NO", "ONE")),
    "full": Trouble(
        tell("CONFIG", "SET", "maxmemory", "1"), tell("CONFIG", "SET", "maxmemory", "0"), is_full=True
    ),
}


@pytest.fixture(scope="module")
def cache() -> Iterator[RedisProcess]:
    """The cache Redis of the product below."""
    with RedisProcess("--maxmemory-policy", "allkeys-lfu") as server:
        yield server


@pytest.fixture(scope="module")
def split(
    tmp_path_factory: pytest.TempPathFactory, local_model: Path, cache: RedisProcess
) -> Iterator[Stack]:
    """A product with two Redis servers; every test leaves it in good health."""
    with running(tmp_path_factory.mktemp("split"), cache=cache) as stack:
        yield stack


def ask(client: httpx.Client, prompt: str, **headers: str) -> tuple[httpx.Response, float]:
    """Ask a question; returns the answer and how many seconds it took."""
    started = time.monotonic()
    response = client.post("/v1/query", json={"prompt": prompt}, headers=headers)
    return response, time.monotonic() - started


def is_cached(client: httpx.Client, prompt: str) -> bool:
    """Whether a question's own entry answers it; costs no call."""
    response, _ = ask(client, prompt, **{"Cache-Control": "only-if-cached"})
    return response.status_code == 200 and response.json()["cache"]["type"] == "exact"


def new_prompt() -> str:
    """A question that nobody has asked, and that means nothing that anybody has."""
    return f"word {uuid.uuid4().hex}"


def readiness(client: httpx.Client) -> tuple[int, dict[str, Any]]:
    """Status and body of /readyz?verbose."""
    response = client.get("/readyz?verbose")
    return response.status_code, response.json()


def assert_all_run(stack: Stack) -> None:
    """No process of the product has exited."""
    assert {p.name: p.popen.poll() for p in stack.processes} == dict.fromkeys(
        [p.name for p in stack.processes]
    )


@pytest.mark.parametrize("name", TROUBLES)
def test_a_queue_redis_in_trouble_is_a_503_within_a_second_and_loses_nothing(split: Stack, name: str) -> None:
    """What was accepted before is answered afterwards, by processes that never exited."""
    trouble = TROUBLES[name]
    split.forget()
    split.script({"match": {"contains": "accepted"}, "latency_ms": 300})
    with split.client() as client:
        accepted, _ = ask(client, f"accepted {new_prompt()}", Prefer="respond-async")
        split.wait_for_calls(1)
        trouble.begin(split.queue)
        refused, elapsed = ask(client, new_prompt())
        ready, state = readiness(client)
        alive = client.get("/livez").status_code
        trouble.end(split.queue)
        assert (refused.status_code, refused.json()["code"]) == (503, "redis_unavailable")
        assert refused.headers["retry-after"] == "1"
        assert elapsed < 1
        # A full one still serves what needs no memory.
        assert (alive, ready) == (200, 200 if trouble.is_full else 503), state
        wait_until(lambda: client.get("/readyz").status_code == 200, "ready again")
        settled = client.get(accepted.headers["location"], params={"wait": 20}).json()
        assert settled["status"] == "completed", settled
        assert ask(client, new_prompt())[0].status_code == 200
    assert_all_run(split)


@pytest.mark.parametrize("name", TROUBLES)
def test_a_cache_redis_in_trouble_costs_hits_and_no_answer(
    split: Stack, cache: RedisProcess, name: str
) -> None:
    """Questions are misses meanwhile; what they bought reaches the cache once it is back."""
    trouble = TROUBLES[name]
    split.forget()
    [ingress] = split.named("ingress")
    warned = ingress.log.read_text().count(AWAY)
    known, bought = new_prompt(), new_prompt()
    with split.client() as client:
        ask(client, known)
        wait_until(lambda: is_cached(client, known), "cached")
        trouble.begin(cache)
        during, elapsed = ask(client, bought)
        repeated = [ask(client, known)[0] for _ in range(3)]
        ready, state = readiness(client)
        trouble.end(cache)
        assert during.status_code == 200, during.text
        assert elapsed < 2
        assert {answer.status_code for answer in repeated} == {200}
        assert ready == 200
        assert state["status"] == ("degraded" if trouble.is_gone else "ok")
        assert (state["checks"]["cache_redis"] == "ok") is not trouble.is_gone
        assert ingress.log.read_text().count(AWAY) - warned == trouble.is_gone
        wait_until(lambda: is_cached(client, bought), "what was bought meanwhile is an exact hit")
        # A full cache has made room, as it should.
        assert is_cached(client, known) is not trouble.is_full
        wait_until(lambda: readiness(client)[1]["status"] == "ok", "not degraded any more")
    assert_all_run(split)


@pytest.mark.parametrize("role", ["queue", "cache"])
def test_a_slow_redis_slows_and_fails_nothing(split: Stack, cache: RedisProcess, role: str) -> None:
    """A quarter of a second for one reply is below every deadline."""
    with split.client() as client:
        assert ask(client, new_prompt())[0].status_code == 200
        tell("CLIENT", "PAUSE", "250")(split.queue if role == "queue" else cache)
        answer, elapsed = ask(client, new_prompt())
        assert answer.status_code == 200, answer.text
        assert 0.2 < elapsed < 1
    assert_all_run(split)


def test_a_crowd_before_a_paused_redis_is_refused_in_time(split: Stack) -> None:
    """More callers than there are connections: the last of them does not wait longer than the first."""
    with split.client() as client, ThreadPoolExecutor(100) as pool:
        ask(client, new_prompt())
        split.queue.pause()
        try:
            answers = list(pool.map(lambda _: ask(client, new_prompt()), range(100)))
        finally:
            split.queue.resume()
        assert {answer.status_code for answer, _ in answers} == {503}
        # The machine's own share of a hundred simultaneous requests is on top.
        assert max(elapsed for _, elapsed in answers) < 2
        wait_until(lambda: client.get("/readyz").status_code == 200, "ready again")
    assert_all_run(split)


def test_what_the_two_servers_are_is_shown(split: Stack) -> None:
    """Policies, durability and what follows from them."""
    with split.client() as client:
        _, state = readiness(client)
    shown = state["redis"]
    assert shown["shared"] is False
    assert (shown["queue"]["policy"], shown["queue"]["appendonly"]) == ("noeviction", "yes")
    assert shown["cache"]["policy"] == "allkeys-lfu"
    assert {f["status"] for role in ("queue", "cache") for f in shown[role]["findings"]} == {"ok"}


def test_without_its_redis_a_process_tries_for_seven_seconds_and_says_which(split: Stack) -> None:
    """After 1, 2 and 4 s it exits with 1, and one line names the role and the address without its secret."""
    nowhere = "redis://:secret@127.0.0.1:1/0"
    started = time.monotonic()
    lost = {
        "queue": split.start("lost-queue", "ingress", SENTINEL_REDIS_URL=nowhere, SENTINEL_PORT="1"),
        "cache": split.start("lost-cache", "workers", SENTINEL_CACHE_REDIS_URL=nowhere),
    }
    for role, process in lost.items():
        assert process.popen.wait(STARTS_AND_EXITS_S) == 1
        lines = log_lines(process)
        assert [line["delay_s"] for line in lines if "delay_s" in line] == [1, 2, 4]
        [last] = [line for line in lines if line["level"] == "error"]
        assert f"{role} Redis at redis://***@127.0.0.1:1/0" in last["detail"]
        assert "secret" not in process.log.read_text()
        split.processes.remove(process)
    assert time.monotonic() - started >= 7


def test_production_refuses_a_queue_that_may_evict(split: Stack, cache: RedisProcess) -> None:
    """Both kinds of process exit with 2 and name the setting."""
    settings = {"SENTINEL_ENV": "production", "SENTINEL_REDIS_URL": cache.url, "SENTINEL_PORT": "1"}
    refused = [split.start(f"evicting-{module}", module, **settings) for module in ("ingress", "workers")]
    for process in refused:
        assert process.popen.wait(STARTS_AND_EXITS_S) == 2
        assert "SENTINEL_REDIS_URL: maxmemory-policy allkeys-lfu deletes accepted" in process.log.read_text()
        split.processes.remove(process)


def log_lines(process: Process) -> list[dict[str, Any]]:
    """A process's log, line by line."""
    return [json.loads(line) for line in process.log.read_text().splitlines()]
