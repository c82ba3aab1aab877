"""Over real connections: losses, departures and pace."""

import time
from typing import Any

import httpx
import pytest

BODY = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
PATH = "/openai/v1/chat/completions"


def script(http: httpx.Client, **rule: Any) -> None:
    """Script one rule."""
    http.put("/_simulator/script", json=[rule]).raise_for_status()


def only_call(http: httpx.Client) -> dict[str, Any]:
    """Wait for one call to finish and return its record."""
    wait = {"arrived": 1, "finished": 1, "wait_s": 5}
    assert http.get("/_simulator/calls/count", params=wait).json()["reached"]
    (record,) = http.get("/_simulator/calls").json()["calls"]
    return dict(record)


def test_a_lost_connection_is_lost(http: httpx.Client) -> None:
    """Before the reply there is no status; the record says who left."""
    script(http, fault="close")
    with pytest.raises(httpx.RemoteProtocolError):
        http.post(PATH, json=BODY)
    record = only_call(http)
    assert (record["status"], record["completed"], record["fault"]) == (None, False, "close")


@pytest.mark.parametrize("streamed", [False, True])
def test_a_reply_may_be_lost_midway(http: httpx.Client, *, streamed: bool) -> None:
    """What was sent before the loss arrives."""
    script(http, fault="close", after_parts=3)
    with http.stream("POST", PATH, json=BODY | {"stream": streamed}) as response:
        chunks = response.iter_bytes()
        assert next(chunks)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    record = only_call(http)
    assert (record["status"], record["completed"], record["usage"]) == (200, False, None)


def test_a_hang_lasts_until_the_client_leaves(http: httpx.Client) -> None:
    """Work then stops, and the record says 499."""
    script(http, fault="hang", match={"path": PATH})
    with pytest.raises(httpx.ReadTimeout):
        http.post(PATH, json=BODY, timeout=0.2)
    record = only_call(http)
    assert (record["status"], record["completed"], record["cost_picodollars"]) == (499, False, 0)


def test_a_client_that_leaves_a_stream_is_billed_but_incomplete(http: httpx.Client) -> None:
    """The provider began to answer; the client did not hear the end."""
    script(http, tokens_per_second=1)
    with http.stream("POST", PATH, json=BODY | {"stream": True}) as response:
        next(response.iter_bytes())
    record = only_call(http)
    assert (record["status"], record["completed"]) == (499, False)
    bill = http.get("/_simulator/bill").json()
    assert bill["total_picodollars"] == bill["incomplete_picodollars"] == record["cost_picodollars"] > 0


def test_a_stream_is_paced(http: httpx.Client) -> None:
    """Text comes as it is said, not at the end."""
    script(http, tokens_per_second=100)
    started = time.monotonic()
    with http.stream("POST", PATH, json=BODY | {"stream": True}) as response:
        chunks = list(response.iter_bytes())
    assert len(chunks) > 5
    assert time.monotonic() - started > 0.1


def test_latency_comes_before_the_reply(http: httpx.Client) -> None:
    """A scripted range is drawn from."""
    script(http, latency_ms=[100, 150])
    started = time.monotonic()
    http.post(PATH, json=BODY).raise_for_status()
    assert time.monotonic() - started >= 0.1


def test_an_oversize_body_is_refused_over_the_wire(http: httpx.Client) -> None:
    """The client hears the refusal although it was still sending."""
    assert http.post(PATH, content=b" " * (9 * 1024 * 1024)).status_code == 413


def test_a_closing_client_still_completes(http: httpx.Client) -> None:
    """Leaving after the last byte is not leaving early."""
    for _ in range(20):
        http.post(PATH, json=BODY, headers={"connection": "close"}).raise_for_status()
    counts = http.get("/_simulator/calls/count", params={"finished": 20, "wait_s": 5}).json()
    assert counts["completed"] == 20
