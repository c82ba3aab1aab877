"""What a process leaves behind when it ends, one way or another."""

import contextlib
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

BODY = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Why is the sky blue?"}]}
PATH = "/openai/v1/chat/completions"
Launch = Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]


def test_the_file_holds_both_phases_of_every_call(http: httpx.Client, log: Path) -> None:
    """Neither holds the key."""
    http.post(PATH, json=BODY).raise_for_status()
    http.get("/_simulator/calls/count", params={"finished": 1, "wait_s": 5})
    (record,) = http.get("/_simulator/calls").json()["calls"]
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert [line["phase"] for line in lines if line["seq"] == record["seq"]] == ["arrived", "finished"]
    assert b"test-key" not in log.read_bytes()


@contextlib.contextmanager
def hanging_call(ready: dict[str, Any]) -> Iterator[None]:
    """Keep one call in flight at a process."""
    with httpx.Client(base_url=ready["url"], headers={"authorization": "Bearer k"}) as client:
        client.put("/_simulator/script", json=[{"fault": "hang"}]).raise_for_status()
    content = json.dumps(BODY)
    fields = ("host: x", "authorization: Bearer k", f"content-length: {len(content)}")
    head = "\r\n".join((f"POST {PATH} HTTP/1.1", *fields, "", ""))
    with socket.create_connection((ready["host"], ready["port"])) as connection:
        connection.sendall((head + content).encode())
        wait = {"arrived": 1, "wait_s": 5}
        counts = httpx.get(f"{ready['url']}/_simulator/calls/count", params=wait).json()
        assert (counts["in_flight"], counts["reached"]) == (1, True)
        yield


def test_a_call_in_flight_survives_a_kill(launch: Launch, tmp_path: Path) -> None:
    """It is in the file as arrived, and with a number of its own run."""
    path = tmp_path / "calls.jsonl"
    for _ in range(2):
        process, ready = launch("--log", str(path))
        with hanging_call(ready):
            process.kill()
            process.communicate(timeout=10)
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(line["phase"], line["seq"]) for line in lines] == [("arrived", 1), ("arrived", 1)]
    assert len({line["run"] for line in lines}) == 2


def test_a_signal_ends_a_process_with_calls_in_flight(launch: Launch, tmp_path: Path) -> None:
    """Hanging calls are dropped and recorded, the status is 0, and nothing is printed."""
    path = tmp_path / "calls.jsonl"
    process, ready = launch("--log", str(path))
    with hanging_call(ready):
        process.terminate()
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
    last = json.loads(path.read_bytes().splitlines()[-1])
    assert (last["phase"], last["completed"]) == ("finished", False)


def test_a_taken_port_is_said(url: str) -> None:
    """A second process on one port ends at once, and not silently."""
    command = [sys.executable, "-m", "simulator", "--port", url.rpartition(":")[2]]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode != 0
    assert "cannot listen on" in ended.stderr
    assert ended.stdout == ""
