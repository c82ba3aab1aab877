"""SIGTERM to ingresses and workers under load: nobody is cut off, nothing outlasts the drain (G9).

`STOPS=100 pytest tests/e2e/test_stopping.py` is the long form. One fleet serves all tests of this file; each
stops processes of it, and starts what the next one needs.
"""

import asyncio
import contextlib
import os
import signal
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import redis
from prometheus_client.parser import text_string_to_metric_families

from shared.redis import keys
from tests.support.stack import (
    USER_KEY,
    Process,
    Stack,
    running,
    wait_for_ingress,
    wait_for_worker,
    wait_until,
)

STOPS = int(os.environ.get("STOPS", "4"))
DRAIN_S = 5.0
SLACK_S = 3.0
"""Beyond the drain: half a second on a quiet machine, more on one that starts interpreters meanwhile."""
CALLERS = 8
GAUGE = "sentinel_requests_in_flight"


@dataclass
class Seen:
    """What callers and a sampler of the gauge have seen; `exits` are codes and seconds."""

    statuses: Counter[int] = field(default_factory=Counter)
    jobs: set[str] = field(default_factory=set)
    cut: list[str] = field(default_factory=list)
    refused: int = 0
    in_flight: list[float] = field(default_factory=list)
    exits: list[tuple[str, int, float]] = field(default_factory=list)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, local_model: Path) -> Iterator[Stack]:
    """Two ingresses and two workers."""
    folder = tmp_path_factory.mktemp("stopping")
    with running(folder, ingresses=2, workers=2, SENTINEL_DRAIN_S=str(DRAIN_S)) as stack:
        yield stack
        # What was left unfinished is none of the tests' business any more.
        for process in stack.processes:
            process.popen.kill()


@pytest.mark.timeout(90 + 15 * STOPS)
def test_a_storm_of_stops_under_load_cuts_nobody_off(
    fleet: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every exit is clean and in time, every answer whole, every job settled, and nothing left in flight."""
    # Some calls take longer than a server grants its last connections, and none as long as the drain.
    fleet.script({"chance": 0.15, "latency_ms": [1500, 2000]}, {"latency_ms": [50, 400]})
    seen = asyncio.run(_storm(fleet))
    longest = {
        role: max(took_s for name, _, took_s in seen.exits if name.startswith(role))
        for role in ("ingress", "worker")
    }
    shown = f"{len(seen.exits)} stops, longest {longest}; {dict(seen.statuses)}, refused {seen.refused}"
    with capsys.disabled():
        print(f"\n{shown}, cut {len(seen.cut)}, jobs {len(seen.jobs)}")  # noqa: T201 - the long form's figures
    assert {code for _, code, _ in seen.exits} == {0}
    assert max(longest.values()) <= DRAIN_S + SLACK_S
    assert not seen.cut
    assert set(seen.statuses) <= {200, 202, 503}
    assert seen.statuses[200] > STOPS
    with fleet.client() as client:
        ends = {client.get(f"/v1/jobs/{job}", params={"wait": 20}).json()["status"] for job in seen.jobs}
    assert ends == {"completed"}
    assert max(Counter(call["question"] for call in fleet.calls()).values()) == 1, "no stop costs a call"
    assert min(seen.in_flight) >= 0
    for url in fleet.urls[:2]:
        verbose = httpx.get(f"{url}/readyz?verbose").json()
        assert verbose["in_flight"] == 1, "only this request itself"
        assert _in_flight(httpx.get(f"{url}/metrics").text) == 1


@pytest.mark.timeout(180)
def test_a_second_sigterm_ends_at_once(fleet: Stack) -> None:
    """However much drain time is left and whatever is in work; the code says that it was no clean stop."""
    ingress, worker = _pair_at_work(fleet)
    _stop_twice(worker)
    url = fleet.urls[-1]
    with _half_a_request(url):
        wait_until(
            lambda: httpx.get(f"{url}/readyz?verbose").json()["in_flight"] == 2,
            "half a request is in flight",
            ingress,
        )
        _stop_twice(ingress)


@pytest.mark.parametrize("trouble", ["paused", "killed"])
@pytest.mark.timeout(180)
def test_a_stop_while_redis_is_away_ends_in_time(fleet: Stack, trouble: str) -> None:
    """Neither role needs Redis to stop: what a worker cannot hand back is found when its lease has ended."""
    pair = _pair_at_work(fleet)
    if trouble == "killed":
        fleet.queue.kill()
    else:
        fleet.queue.pause()
    try:
        began = time.monotonic()
        for process in pair:
            process.popen.send_signal(signal.SIGTERM)
        codes = [process.popen.wait(60) for process in pair]
        assert time.monotonic() - began <= DRAIN_S + SLACK_S
        assert codes == [0, 0]
    finally:
        if trouble == "paused":
            fleet.queue.resume()
        else:
            fleet.queue.start()


def _pair_at_work(fleet: Stack) -> tuple[Process, Process]:
    """Start an ingress and a worker, and give the worker a job that outlasts its drain."""
    ingress, worker = fleet.start_ingress(), fleet.start_worker()
    wait_for_ingress(ingress, fleet.urls[-1])
    wait_for_worker(worker)
    fleet.script({"latency_ms": 60_000})
    with fleet.client(-1) as client, redis.Redis(unix_socket_path=str(fleet.queue.socket)) as queue:

        def has_one() -> bool:
            client.post("/v1/query", json={"prompt": uuid.uuid4().hex}, headers={"Prefer": "respond-async"})
            return any(queue.scan_iter(keys.held(f"*-{worker.popen.pid}-*")))

        wait_until(has_one, "the new worker has a job, like the others", worker)
    return ingress, worker


async def _storm(fleet: Stack) -> Seen:
    seen, stop = Seen(), asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(base_url=url, headers={"X-API-Key": USER_KEY}, timeout=30)
            )
            for url in fleet.urls
        ]
        load = [asyncio.create_task(_call(clients, number, seen, stop)) for number in range(CALLERS)]
        load.append(asyncio.create_task(_sample(clients, seen, stop)))
        for number in range(STOPS // 2):
            await _answered(seen, 3 * CALLERS)
            # The other ingress and the other worker carry the load meanwhile.
            pair = [f"{role}-{number % 2}" for role in ("ingress", "worker")]
            seen.exits += await asyncio.gather(*(_stop_one(fleet, name) for name in pair))
        stop.set()
        await asyncio.gather(*load)
    return seen


async def _answered(seen: Seen, more: int) -> None:
    """Return once so many more questions have been answered: the load is there again."""
    enough = seen.statuses[200] + more
    while seen.statuses[200] < enough:  # noqa: ASYNC110 - the callers are other tasks
        await asyncio.sleep(0.02)


async def _stop_one(fleet: Stack, name: str) -> tuple[str, int, float]:
    """Stop a process and start another in its place; returns name, exit code, and seconds to the exit."""
    [process] = fleet.named(name)
    began = time.monotonic()
    process.popen.send_signal(signal.SIGTERM)
    code = await asyncio.to_thread(process.popen.wait, 60)
    took_s = time.monotonic() - began
    fleet.processes.remove(process)
    await asyncio.to_thread(_replace, fleet, process.name)
    return process.name, code, took_s


def _replace(fleet: Stack, name: str) -> None:
    role, _, number = name.partition("-")
    if role == "worker":
        begins_at = len((fleet.folder / f"{name}.log").read_bytes())
        process = fleet.start(name, "workers")
        wait_until(lambda: b"worker ready" in process.log.read_bytes()[begins_at:], name, process)
        return
    url = fleet.urls[int(number)]
    process = fleet.start(name, "ingress", SENTINEL_PORT=url.rpartition(":")[2])
    wait_until(lambda: _is_ready(url), name, process)


async def _call(clients: "list[httpx.AsyncClient]", number: int, seen: Seen, stop: asyncio.Event) -> None:
    """Ask and ask again; the other ingress when one does not take new work."""
    while not stop.is_set():
        body = {"prompt": f"Explain {uuid.uuid4().hex}.", "cache": {"mode": "exact"}}
        try:
            answer = await clients[number % len(clients)].post("/v1/query", json=body)
        except httpx.ConnectError:
            # Nobody listens there just now, so that nothing was begun.
            seen.refused += 1
            number += 1
            await asyncio.sleep(0.02)
            continue
        except httpx.HTTPError as error:
            seen.cut.append(repr(error))
            continue
        seen.statuses[answer.status_code] += 1
        if answer.status_code in {200, 202}:
            seen.jobs.add(answer.json()["id"])
        else:
            number += 1


async def _sample(clients: "list[httpx.AsyncClient]", seen: Seen, stop: asyncio.Event) -> None:
    while not stop.is_set():
        for client in clients:
            with contextlib.suppress(httpx.HTTPError):
                seen.in_flight.append(_in_flight((await client.get("/metrics")).text))
        await asyncio.sleep(0.1)


def _in_flight(exposition: str) -> float:
    families = text_string_to_metric_families(exposition)
    return sum(sample.value for family in families if family.name == GAUGE for sample in family.samples)


def _is_ready(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=1).status_code == httpx.codes.OK
    return False


def _stop_twice(process: Process) -> None:
    began = len(process.log.read_bytes())
    process.popen.send_signal(signal.SIGTERM)
    wait_until(lambda: b"draining" in process.log.read_bytes()[began:], "it drains", process)
    process.popen.send_signal(signal.SIGTERM)
    # The drain alone would take ten minutes.
    assert process.popen.wait(30) == 1


@contextlib.contextmanager
def _half_a_request(url: str) -> Iterator[None]:
    """Send a request whose body never ends, which keeps the ingress from being done."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/query HTTP/1.1\r\nHost: half\r\nContent-Length: 100\r\n"
            + f"X-API-Key: {USER_KEY}\r\n\r\n".encode()
            + b'{"prompt":'
        )
        yield
