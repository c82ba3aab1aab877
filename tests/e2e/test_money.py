"""The ledger against the provider's bill, under kills, cuts and cancellations."""

import asyncio
import contextlib
import itertools
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from shared.redis import keys
from tests.support.reconcile import jobs_of, ledger_of, reconcile
from tests.support.stack import ADMIN_KEY, OTHER_KEY, USER_KEY, Stack, running

pytestmark = pytest.mark.anyio

MODEL = "openai/gpt-oss-20b"
QUESTIONS = 300
AT_ONCE = 40
KEYS = (USER_KEY, OTHER_KEY)
RULES: tuple[dict[str, Any], ...] = (
    {"match": {"path": "/embeddings"}, "chance": 0.1, "latency_ms": [200, 400]},
    {"match": {"path": "/embeddings"}, "chance": 0.05, "fault": "close"},
    {"match": {"path": "/embeddings"}, "latency_ms": [1, 30]},
    {"match": {"contains": "cut"}, "chance": 0.5, "fault": "close"},
    {"match": {"contains": "cut"}, "fault": "truncate"},
    {"match": {"contains": "empty"}, "fault": "empty_choice"},
    {"match": {"contains": "garbage"}, "fault": "garbage"},
    {"match": {"contains": "refused"}, "fault": "status:500"},
    {"match": {"contains": "slow"}, "latency_ms": [400, 900]},
    {"match": {"contains": "streamed"}, "tokens_per_second": 40},
    {"match": {"contains": "cached"}, "cached_tokens": 9, "latency_ms": [20, 120]},
    {"latency_ms": [20, 200]},
)
KINDS = ("plain", "streamed", "streamed", "cached", "slow", "slow", "cut", "empty", "garbage", "refused")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """An ingress and two workers that embed for money; a lease short enough to end within a test."""
    settings: dict[str, Any] = {
        "SENTINEL_LEASE_S": "1",
        "SENTINEL_FAILURE_TTL_S": "3600",
        # Rests of a minute would keep most questions from being asked at all.
        "SENTINEL_BREAKER_COOLDOWN_S": "0.05",
        "SENTINEL_BREAKER_COOLDOWN_MAX_S": "0.05",
    }
    with running(tmp_path, workers=0, ingresses=1, **settings) as found:
        for _ in range(2):
            _add_worker(found)
        found.script(*RULES)
        yield found


async def test_the_ledger_is_the_bill_to_the_picodollar_whatever_is_killed_cut_or_cancelled(
    stack: Stack,
) -> None:
    """What settled is booked once; whatever else was billed is a doubt that the ledger knows of."""
    disturbing = asyncio.create_task(_kill_workers(stack))
    async with _client(stack) as http:
        room = asyncio.Semaphore(AT_ONCE)
        draws = random.Random(7)
        asked = [_ask(http, room, number, draws.random()) for number in range(QUESTIONS)]
        await asyncio.gather(*asked)
        await disturbing
        await _ask_in_calm(http)
    async with _redis(stack) as redis:
        await _settled(redis)
        for worker in stack.named("worker"):
            worker.stop()
        calls = await asyncio.to_thread(_bill, stack)
        ledger = await ledger_of([redis])
        assert reconcile(calls, ledger, await jobs_of([redis])) == []
        assert await redis.exists(keys.reserved()) == 0
    booked: dict[str, int] = {}
    for line in ledger:
        for measure, amount in line.amounts.items():
            booked[measure] = booked.get(measure, 0) + amount
    # Without all of them this would have shown less than it says.
    assert min(booked.get(m, 0) for m in ("cost", "embed_cost", "doubts", "unknown")) > 0, booked
    assert booked["cached_input_tokens"] > 0
    streams = [call for call in stack.calls() if call["stream"]]
    assert {call["completed"] for call in streams} == {True, False}, "some were heard to the end, some cut"
    view = _usage(stack, ADMIN_KEY)
    mine = sum(n.amounts.get("cost", 0) for n in ledger if n.key_id != "-")
    assert view + _usage(stack, ADMIN_KEY, tenant="other") == mine


def _bill(stack: Stack) -> list[dict[str, Any]]:
    calls: list[dict[str, Any]] = httpx.get(f"{stack.simulator}/_simulator/bill").json()["calls"]
    return calls


def _usage(stack: Stack, key: str, **query: str) -> int:
    with stack.client(key=key) as http:
        answer = http.get("/v1/usage", params=query)
        assert answer.status_code == 200, answer.text
        picodollars: int = answer.json()["total"]["calls"]["cost"]["picodollars"]
        return picodollars


async def _ask(http: httpx.AsyncClient, room: asyncio.Semaphore, number: int, draw: float) -> None:
    """Ask something, wait for it, leave early, or take the id and cancel."""
    kind = KINDS[number % len(KINDS)]
    body = {
        # Two of each: twins that join or hit.
        "prompt": f"{kind} {number // 2 * 7919} {'xyzzy' * (number % 13)}?",
        "max_tokens": 5 + number % 20,
        "cache": {"mode": "exact" if number % 3 == 0 else "semantic"},
    }
    headers = {"X-API-Key": KEYS[number // 2 % 2], "Prefer": "wait=20" if draw > 0.2 else "respond-async"}
    async with room:
        if kind == "streamed":
            await _listen(http, body, headers, cuts=draw > 0.7)
            return
        try:
            patience_s = 0.1 if 0.2 < draw < 0.35 else 30
            async with asyncio.timeout(patience_s):
                answer = await http.post("/v1/query", json=body, headers=headers)
        except (TimeoutError, httpx.HTTPError):
            return
        if answer.status_code == 202 and draw < 0.1:
            await asyncio.sleep(draw * 2)
            await http.post(f"/v1/jobs/{answer.json()['id']}/cancel", headers=headers)


async def _ask_in_calm(http: httpx.AsyncClient) -> None:
    """A question whose input is partly cached, once nobody disturbs it: the storm may have spared none."""
    async with asyncio.timeout(30):
        for number in itertools.count():
            body = {"prompt": f"cached in calm {number}", "cache": {"mode": "exact"}}
            if (await http.post("/v1/query", json=body, headers={"X-API-Key": USER_KEY})).status_code == 200:
                return


async def _listen(
    http: httpx.AsyncClient, body: dict[str, Any], headers: dict[str, str], *, cuts: bool
) -> None:
    """Ask for a stream, and hang up after its first token or hear it to its end."""
    messages = [{"role": "user", "content": body["prompt"]}]
    asked = {"model": MODEL, "messages": messages, "stream": True, "max_tokens": 25, "cache": body["cache"]}
    with contextlib.suppress(httpx.HTTPError):
        async with http.stream("POST", "/v1/chat/completions", json=asked, headers=headers) as response:
            async for line in response.aiter_lines():
                if cuts and '"content":"[' in line:
                    return


async def _kill_workers(stack: Stack) -> None:
    """Three workers die without a word while they work, and one stops as planned."""
    for number in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        await asyncio.sleep(1.2)
        await asyncio.to_thread(stack.named("worker")[-1].stop, number)
        await asyncio.to_thread(_add_worker, stack)


def _add_worker(stack: Stack) -> None:
    stack.add_worker(JINA_API_KEY="embedder-key-for-tests", JINA_BASE_URL=stack.simulator)


@asynccontextmanager
async def _client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=AT_ONCE)
    async with httpx.AsyncClient(base_url=stack.urls[0], timeout=40, limits=limits) as http:
        yield http


@asynccontextmanager
async def _redis(stack: Stack) -> AsyncIterator[Redis]:
    redis = Redis.from_url(stack.queue.url)
    yield redis
    await redis.aclose()


async def _settled(redis: Redis) -> None:
    """Wait until no job is left, and what the processes gather is booked."""
    deadline = time.monotonic() + 30
    while await redis.zcard(keys.queue()):
        assert time.monotonic() < deadline, "jobs are left"
        await asyncio.sleep(0.05)


async def test_a_hard_budget_refuses_with_its_reset_time_and_stored_answers_are_still_served(
    tmp_path: Path,
) -> None:
    """402 before anything is bought; the header tells how the budget stands."""
    with running(
        tmp_path, SENTINEL_BUDGET_KEY_DAY_HARD_USD="0.002", SENTINEL_BUDGET_KEY_DAY_SOFT_USD="0.000001"
    ) as stack:
        with stack.client() as http:
            # 4,096 tokens of answer at $0.30/M are set aside: 0.0012 $ of 0.002.
            first = http.post("/v1/query", json={"prompt": "What is left?"})
            assert first.status_code == 200, first.text
            stack.script({"latency_ms": 2_000})
            slow = http.post("/v1/query", json={"prompt": "slow"}, headers={"Prefer": "respond-async"})
            assert slow.status_code == 202
            assert ";over" in slow.headers["X-Sentinel-Budget"]
            refused = http.post("/v1/query", json={"prompt": "One more?"})
            assert refused.status_code == 402, refused.text
            told = refused.json()
            assert told["code"] == "budget_exceeded"
            assert told["budget"]["name"] == "key-day"
            assert 0 < int(refused.headers["Retry-After"]) <= 86_400
            assert http.post("/v1/query", json={"prompt": "What is left?"}).status_code == 200
        with stack.client(key=OTHER_KEY) as http:
            assert http.post("/v1/query", json={"prompt": "Am I another?"}).status_code == 200
        with stack.client() as http:
            metrics = http.get("/metrics").text
        assert 'sentinel_budget_refusals_total{budget="key-day"} 1.0' in metrics


async def test_a_model_without_a_price_is_unknown_and_never_free(tmp_path: Path) -> None:
    """In the answer, in the ledger and in the metrics; under a hard budget it is refused."""
    with running(tmp_path, SENTINEL_PROVIDER="unlisted") as stack:
        with stack.client() as http:
            answered = http.post("/v1/query", json={"prompt": "What does it cost?"}).json()
            assert answered["usage"]["cost_usd"] is None
            spent = http.get("/v1/usage").json()["total"]
            assert (spent["calls"]["count"], spent["calls"]["unpriced"]) == (1, 1)
            assert (spent["calls"]["cost"]["usd"], spent["calls"]["cost"]["complete"]) == (None, False)
        ingress = stack.add_ingress(SENTINEL_BUDGET_KEY_DAY_HARD_USD="1")
        assert ingress.popen.poll() is None
        with stack.client(ingress=1) as http:
            refused = http.post("/v1/query", json={"prompt": "And now?"})
            assert (refused.status_code, refused.json()["code"]) == (402, "price_unknown")
