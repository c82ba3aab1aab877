"""Embedders over HTTP against the simulator: whatever is wrong there costs the semantic step, in time."""

import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Literal, TypeAlias

import httpx
import numpy as np
import pytest
from redis.asyncio import Redis

from shared.breakers import Breakers, policy_of
from shared.errors import BadSetting
from shared.secret import Secret
from shared.settings import Settings
from workers.semantic.embedder import Embedder, EmbedderError
from workers.semantic.embedders import open_embedder

pytestmark = pytest.mark.anyio

PATIENT_S, IMPATIENT_S = 10.0, 0.5
"""Deadlines: far from a busy machine's pauses, and for what would never come."""
FAULTS: dict[str, dict[str, Any]] = {
    "down": {"fault": "close"},
    "half an answer": {"fault": "truncate"},
    "garbage": {"fault": "garbage"},
    "another shape": {"fault": "wrong_schema"},
    "vectors of no length": {"fault": "empty_choice"},
    "no vectors": {"fault": "no_choices"},
    "endless": {"fault": "oversize"},
    "broken": {"fault": "status:503"},
}
LATE: dict[str, dict[str, Any]] = {
    "silent": {"fault": "hang"},
    "slow": {"latency_ms": 5_000},
    "dripping": {"fault": "drip", "pause_ms": 400},
}
REFUSALS: dict[str, dict[str, Any]] = {
    "too many": {"fault": "status:429"},
    "no such key": {"fault": "status:401"},
    "no such model": {"fault": "status:404"},
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """The root of a simulator that answers at once."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--latency-ms", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A client without deadlines of its own."""
    async with httpx.AsyncClient(timeout=60) as client:
        yield client


Kind: TypeAlias = Literal["jina", "openai"]


@pytest.fixture(params=["jina", "openai"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each embedder over HTTP."""
    name: Kind = request.param
    return name


@pytest.fixture
async def embedder(
    kind: Kind, simulator: str, http: httpx.AsyncClient, redis: Redis
) -> AsyncIterator[Embedder]:
    """An embedder that waits long, before a simulator without faults."""
    await http.delete(f"{simulator}/_simulator/script")
    opened = await opened_as(kind, simulator, http, redis, PATIENT_S)
    yield opened
    await opened.aclose()


@pytest.fixture
async def impatient(
    kind: Kind, simulator: str, http: httpx.AsyncClient, redis: Redis
) -> AsyncIterator[Embedder]:
    """The same embedder over the same connections, with a short deadline."""
    opened = await opened_as(kind, simulator, http, redis, IMPATIENT_S)
    yield opened
    await opened.aclose()


async def opened_as(
    kind: Kind, simulator: str, http: httpx.AsyncClient, redis: Redis, deadline_s: float
) -> Embedder:
    """Open an embedder as the settings do."""
    settings = Settings(
        embedder=kind,
        jina_api_key=Secret("jina-key"),
        jina_base_url=simulator,
        embedder_api_key=Secret("other-key"),
        embedder_base_url=f"{simulator}/v1",
        embedder_model="jina-embeddings-v3",
        embedder_dimensions=1024,
        embed_deadline_s=deadline_s,
        breaker_failures=3,
    )
    return await open_embedder(settings, http, Breakers(redis, policy_of(settings)))


async def spoil(http: httpx.AsyncClient, simulator: str, rule: dict[str, Any]) -> None:
    """Make every embedding meet this rule."""
    rules = [{"match": {"path": "/v1/embeddings"}, **rule}]
    (await http.put(f"{simulator}/_simulator/script", json=rules)).raise_for_status()


async def test_texts_become_unit_vectors_with_a_bill(embedder: Embedder) -> None:
    """Of the promised length and in the order of the texts."""
    embedded = await embedder.embed(["What is a fjord?", "Who wrote Emma?"])
    again = await embedder.embed(["Who wrote Emma?"])
    assert embedded.vectors.shape == (2, embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(embedded.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(embedded.vectors[1], again.vectors[0], atol=1e-6)
    assert embedded.tokens == 8
    assert embedded.truncated == (False, False)


@pytest.mark.parametrize("rule", [*FAULTS.values(), *REFUSALS.values()], ids=[*FAULTS, *REFUSALS])
async def test_whatever_breaks_is_an_error(
    embedder: Embedder, http: httpx.AsyncClient, simulator: str, rule: dict[str, Any]
) -> None:
    """Never a vector, long before the deadline, and the next call is a new one."""
    await spoil(http, simulator, rule)
    with pytest.raises(EmbedderError) as caught:
        await embedder.embed(["What is a fjord?"])
    assert caught.value.reason != "timeout"
    await spoil(http, simulator, {})
    assert len((await embedder.embed(["What is a fjord?"])).vectors) == 1


@pytest.mark.parametrize("rule", LATE.values(), ids=LATE)
async def test_what_is_late_is_an_error_in_time(
    embedder: Embedder, impatient: Embedder, http: httpx.AsyncClient, simulator: str, rule: dict[str, Any]
) -> None:
    """Never past the deadline, and the connections are good for the next call."""
    await spoil(http, simulator, rule)
    started = time.monotonic()
    with pytest.raises(EmbedderError, match="timeout"):
        await impatient.embed(["What is a fjord?"])
    # Far from the fault's own five seconds and more, far from a busy machine's noise.
    assert time.monotonic() - started < 4
    await spoil(http, simulator, {})
    assert len((await embedder.embed(["What is a fjord?"])).vectors) == 1


async def test_an_embedder_that_keeps_failing_is_left_alone(
    embedder: Embedder, http: httpx.AsyncClient, simulator: str
) -> None:
    """After three failures nothing is sent, by this worker or another."""
    await spoil(http, simulator, {"fault": "status:503"})
    await http.delete(f"{simulator}/_simulator/calls")
    reasons = []
    for _ in range(5):
        with pytest.raises(EmbedderError) as caught:
            await embedder.embed(["What is a fjord?"])
        reasons.append(caught.value.reason)
    assert reasons == ["status 503"] * 3 + ["breaker open"] * 2
    count = (await http.get(f"{simulator}/_simulator/calls/count")).json()
    assert count["arrived"] == 3


async def test_refusals_open_no_breaker(embedder: Embedder, http: httpx.AsyncClient, simulator: str) -> None:
    """A service that says no is well."""
    await spoil(http, simulator, {"fault": "status:429"})
    for _ in range(6):
        with pytest.raises(EmbedderError, match="status 429"):
            await embedder.embed(["What is a fjord?"])


async def test_an_embedder_that_cannot_work_is_a_bad_setting(http: httpx.AsyncClient, redis: Redis) -> None:
    """Told at the start: a missing key, and a model whose vectors' length nobody knows."""
    breakers = Breakers(redis, policy_of(Settings()))
    with pytest.raises(BadSetting, match="JINA_API_KEY"):
        await open_embedder(Settings(embedder="jina"), http, breakers)
    unknown = Settings(embedder="openai", embedder_model="bge-m3")
    with pytest.raises(BadSetting, match="SENTINEL_EMBEDDER_DIMENSIONS"):
        await open_embedder(unknown, http, breakers)
