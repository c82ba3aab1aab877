"""A fleet on two queue servers: one queue to its callers."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.shards import shard_of
from tests.support.redis_process import RedisProcess
from tests.support.stack import Stack, running, wait_until

SLOW = 60_000


@pytest.fixture
def further() -> Iterator[RedisProcess]:
    """The second queue server."""
    with RedisProcess() as server:
        yield server


@pytest.fixture
def fleet(tmp_path: Path, local_model: Path, further: RedisProcess) -> Iterator[Stack]:
    """Two ingresses and a worker on two queues."""
    with running(tmp_path, ingresses=2, SENTINEL_QUEUE_SHARDS=further.url) as stack:
        yield stack


def test_jobs_are_spread_answered_joined_and_cancelled_on_either_server(fleet: Stack) -> None:
    """Whoever asks does not notice; a job's id tells where it is."""
    fleet.script({"match": {"contains": "slow"}, "latency_ms": SLOW})
    with fleet.client(0) as client, fleet.client(1) as other:
        answers = [client.post("/v1/query", json={"prompt": f"question {n}"}).json() for n in range(12)]
        assert {answer["status"] for answer in answers} == {"completed"}
        assert {shard_of(answer["id"], 2) for answer in answers} == {0, 1}
        for n in range(6):
            prompt, asynchronous = {"prompt": f"slow {n}"}, {"Prefer": "respond-async"}
            first = client.post("/v1/query", json=prompt, headers=asynchronous).json()
            twin = other.post("/v1/query", json=prompt, headers=asynchronous).json()
            assert first["id"] == twin["id"]
            assert other.get(f"/v1/jobs/{first['id']}").json()["status"] in {"queued", "in_progress"}
            assert other.post(f"/v1/jobs/{first['id']}/cancel").json()["status"] == "cancelled"


def test_without_one_server_the_others_jobs_are_still_done(fleet: Stack, further: RedisProcess) -> None:
    """What lived there is told as unavailable within the deadline, and works again once it is back."""
    further.kill()
    with fleet.client(timeout=10) as client:
        answers = [client.post("/v1/query", json={"prompt": f"half {n}"}) for n in range(12)]
        assert {answer.status_code for answer in answers} == {200, 503}
        refused = next(answer for answer in answers if answer.status_code == 503)
        assert refused.json()["code"] == "redis_unavailable"
        ready = client.get("/readyz?verbose").json()
        assert ready["status"] == "degraded"
        assert ready["checks"]["queue_redis_1"] != "ok"
        further.start()

        def all_answered() -> bool:
            asked = (client.post("/v1/query", json={"prompt": f"whole {n}"}) for n in range(6))
            return all(answer.status_code == httpx.codes.OK for answer in asked)

        wait_until(all_answered, "both servers work again")
