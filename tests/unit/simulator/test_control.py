"""The control plane over ASGI."""

import hashlib

import httpx
import pytest

from simulator.simulation import Simulation

pytestmark = pytest.mark.anyio
PATH = "/v1/chat/completions"
BODY = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Why?"}]}


async def test_a_script_is_set_shown_spent_and_cleared(client: httpx.AsyncClient) -> None:
    """The view tells how often each rule was applied."""
    rule = {"match": {"contains": "Why"}, "times": 1, "fault": "status:500"}
    shown = (await client.put("/_simulator/script", json=[rule])).json()
    assert shown["rules"][0]["applied"] == 0
    assert [(await client.post(PATH, json=BODY)).status_code for _ in range(2)] == [500, 200]
    assert (await client.get("/_simulator/script")).json()["rules"][0]["applied"] == 1
    assert (await client.delete("/_simulator/script")).json() == {"rules": []}


async def test_a_bad_script_changes_nothing(client: httpx.AsyncClient) -> None:
    """The refusal names what is wrong."""
    await client.put("/_simulator/script", json=[{"fault": "hang", "times": 1}])
    response = await client.put("/_simulator/script", json=[{"fault": "explode"}])
    assert response.status_code == 400
    assert "explode" not in (await client.get("/_simulator/script")).text
    assert "fault" in response.json()["error"]["message"]
    assert len((await client.get("/_simulator/script")).json()["rules"]) == 1


async def test_a_call_is_listed_without_its_key(client: httpx.AsyncClient) -> None:
    """Key order and white space do not change the digest of a request."""
    await client.post(PATH, json=BODY)
    await client.post(PATH, json=dict(reversed(BODY.items())))
    listed = (await client.get("/_simulator/calls")).json()
    assert "test-key" not in str(listed)
    first, second = listed["calls"]
    assert first["key_digest"] == hashlib.sha256(b"test-key").hexdigest()[:16]
    assert first["request_digest"] == second["request_digest"]
    assert (first["seq"], first["phase"], first["status"], first["completed"]) == (1, "finished", 200, True)
    assert (first["question"], first["model"], first["path"]) == ("Why?", BODY["model"], PATH)
    later = (await client.get("/_simulator/calls", params={"since": 1})).json()["calls"]
    assert [call["seq"] for call in later] == [2]


async def test_the_bill_is_the_sum_of_the_records(client: httpx.AsyncClient, simulation: Simulation) -> None:
    """Chat, streams and embeddings add up by model; refusals cost nothing."""
    await client.post(PATH, json=BODY)
    await client.post(PATH, json=BODY | {"stream": True, "model": "openai/gpt-oss-120b"})
    await client.post("/v1/embeddings", json={"model": "jina-embeddings-v3", "input": ["a", "b"]})
    await client.post(PATH, json=BODY | {"model": "none"})
    bill = (await client.get("/_simulator/bill")).json()
    costs = [record.cost_picodollars for record in simulation.calls.since(0)]
    assert costs[2:] == [2 * 20_000, 0]
    assert bill["total_picodollars"] == bill["completed_picodollars"] == sum(costs)
    assert sum(line["picodollars"] for line in bill["by_model"].values()) == sum(costs)
    assert bill["by_model"].keys() == {"openai/gpt-oss-20b", "openai/gpt-oss-120b", "jina-embeddings-v3"}


async def test_counts_are_of_the_data_plane_only(client: httpx.AsyncClient) -> None:
    """Looking does not count, and a reset starts over."""
    await client.post(PATH, json=BODY)
    await client.get("/v1/models")
    counts = (await client.get("/_simulator/calls/count")).json()
    assert (counts["arrived"], counts["finished"], counts["completed"], counts["in_flight"]) == (2, 2, 2, 0)
    assert counts["by_path"] == {PATH: 1, "/v1/models": 1}
    assert (await client.delete("/_simulator/calls")).json()["arrived"] == 0


async def test_waiting_for_a_count_says_whether_it_was_reached(client: httpx.AsyncClient) -> None:
    """A wait that runs out is an answer, not an error."""
    await client.post(PATH, json=BODY)
    reached = [
        (await client.get("/_simulator/calls/count", params={"arrived": count})).json()["reached"]
        for count in (1, 2)
    ]
    assert reached == [True, False]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "nothing", 404),
        ("POST", "bill", 405),
        ("GET", "calls?since=x", 400),
        ("PUT", "script", 400),
    ],
)
async def test_other_requests_are_refused(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """With a reason."""
    response = await client.request(method, f"/_simulator/{path}")
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert response.headers["x-sentinel-simulated"] == "true"


async def test_a_defect_is_not_told_to_the_client(
    client: httpx.AsyncClient, simulation: Simulation, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its traceback is printed where the simulator runs."""
    simulation.calls.tally = None  # type: ignore[assignment]
    response = await client.get("/_simulator/bill")
    assert response.status_code == 500
    assert "AttributeError" not in response.text
    assert "AttributeError" in capsys.readouterr().err
