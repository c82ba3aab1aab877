"""A new release goes on with what the one before it left in Redis, jobs in flight included."""

from pathlib import Path

import pytest
from redis import Redis

from tests.support import kept_state
from tests.support.kept_state import ANSWERED, QUEUED, RUNNING
from tests.support.stack import running

pytestmark = pytest.mark.e2e
KEPT = sorted((Path(__file__).parents[1] / "data" / "golden").glob("state-*.json"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_jobs_in_flight_stored_answers_and_keys_outlast_an_upgrade(tmp_path: Path, path: Path) -> None:
    """The jobs settle, the answer is a hit by its words and by its meaning, the key opens what it opened."""
    with running(tmp_path, ingresses=0, workers=0) as stack:
        with Redis.from_url(stack.queue.url) as redis:
            told = kept_state.bring_back(path, redis)
        stack.add_ingress()
        stack.add_worker()
        with stack.client(key=told["key"]) as http:
            jobs = {
                prompt: http.get(f"/v1/jobs/{told[name]}", params={"wait": 30}).json()
                for name, prompt in (("running", RUNNING), ("queued", QUEUED), ("answered", ANSWERED))
            }
            for prompt, job in jobs.items():
                assert job["status"] == "completed", job
                assert prompt in job["output"]["text"]
            # Its first attempt may be on the bill; nobody was left to tell.
            assert jobs[RUNNING]["attempts"] == 2
            exact = http.post("/v1/query", json={"prompt": ANSWERED}).json()
            near = http.post("/v1/query", json={"prompt": "how do I boil an egg"}).json()
        assert (exact["cache"]["type"], near["cache"]["type"]) == ("exact", "semantic")
        assert exact["cache"]["source"]["job_id"] == near["cache"]["source"]["job_id"] == told["answered"]
        assert len(stack.calls()) == 2
