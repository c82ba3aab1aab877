"""`make bench-streams`: one upstream stream and its many listeners, through the real processes.

Prints what 200 twins over three ingresses cost, with and without the death of the worker; how soon a late
joiner has its first token; what the gateway adds to the simulator's first token; what 1,000 open streams take
of one ingress; and what 500 readers lose when every process is restarted in turn.
"""

import asyncio
import itertools
import os
import signal
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from redis.asyncio import Redis

from shared.redis import keys
from tests.bench.sse import Event, Refused, events, text_of
from tests.support.stack import Process, Stack, build_model, running, wait_for_ingress

MODEL = "openai/gpt-oss-20b"
CHAT = "/v1/chat/completions"
TWINS, LATE, FIRST, OPEN, READERS = 200, 200, 200, 1_000, 500
FLIGHTS = 20
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def asked(question: str, **more: Any) -> dict[str, Any]:
    """A streamed chat completion of one question."""
    return {"model": MODEL, "messages": [{"role": "user", "content": question}], "stream": True, **more}


def unique(text: str) -> str:
    """A question that nobody has asked."""
    return f"{text} ({uuid.uuid4().hex})"


def bare(heard: list[Event]) -> bytes:
    """A stream without what is each caller's own: what it was charged, under `sentinel`."""
    kept = []
    for event in heard:
        if event.data == b"[DONE]":
            kept.append(event.data)
            continue
        chunk = msgspec.json.decode(event.data)
        chunk.pop("sentinel", None)
        kept.append(msgspec.json.encode(chunk))
    return b"\n".join(kept)


async def first_token(url: str, path: str, body: dict[str, Any]) -> float:
    """Milliseconds from connecting to the first text."""
    started = time.perf_counter()
    stream = events(url, path, body)
    async for event in stream:
        if text_of(event):
            found = event.at
            break
    else:
        raise RuntimeError("a stream without a text")
    await stream.aclose()  # type: ignore[attr-defined]
    return (found - started) * 1000


def percentiles(values: list[float]) -> str:
    """The middle and the end of a distribution."""
    ordered = sorted(values)
    return f"p50 {statistics.median(ordered):.2f} ms, p99 {ordered[int(0.99 * len(ordered))]:.2f} ms"


async def twins(stack: Stack, *, kill: bool) -> None:
    """Many callers of one question, and perhaps the death of the worker that answers it."""
    stack.forget()
    stack.script({"tokens_per_second": 20})
    question = unique("Who listens?")
    listening = [
        asyncio.create_task(_whole(stack.urls[n % 3], asked(question), number=n)) for n in range(TWINS)
    ]
    if kill:
        await asyncio.to_thread(stack.wait_for_calls, 1)
        await asyncio.sleep(0.4)
        await _kill_the_holder(stack)
    heard = await asyncio.gather(*listening)
    kinds = len({bare(stream) for stream in heard})
    name = "worker killed" if kill else "undisturbed"
    print(f"{TWINS} twins, 3 ingresses, {name}: {len(stack.calls())} calls, {kinds} different streams")
    if kill:
        stack.add_worker()


async def _whole(url: str, body: dict[str, Any], *, number: int = 0) -> list[Event]:
    # Not all in one instant: a listen queue is 100 long.
    await asyncio.sleep(number / 1000)
    return [event async for event in events(url, CHAT, body)]


async def _kill_the_holder(stack: Stack) -> None:
    async with Redis.from_url(stack.queue.url) as redis:
        held = [key.decode() async for key in redis.scan_iter(f"{keys.held('*')}")]
    worker = next(p for p in stack.named("worker") if any(f"-{p.popen.pid}-" in key for key in held))
    worker.stop(signal.SIGKILL)


async def late_joiners(stack: Stack) -> None:
    """Callers who come when half of it has been said."""
    stack.forget()
    stack.script({"tokens_per_second": 2})
    question = unique("May I still join?")
    first = asyncio.create_task(_whole(stack.urls[0], asked(question)))
    await asyncio.to_thread(stack.wait_for_calls, 1)
    await asyncio.sleep(1.5)
    found = [await first_token(stack.urls[n % 3], CHAT, asked(question)) for n in range(LATE)]
    assert not first.done(), "the joiners were not late but last"
    await first
    print(f"late joiner's first token, from connecting: {percentiles(found)}; {len(stack.calls())} call")


async def overhead(stack: Stack) -> None:
    """The first token through the gateway and straight from the simulator, in turn."""
    stack.forget()
    stack.script({"tokens_per_second": 200})
    simulated = "/openai/v1/chat/completions"
    for name, more in (("exact", {"cache": {"mode": "exact"}}), ("semantic", {})):
        direct, through = [], []
        for _ in range(FIRST):
            question = unique("How soon?")
            direct.append(await first_token(stack.simulator, simulated, asked(question)))
            through.append(await first_token(stack.urls[0], CHAT, asked(question, **more)))
        added = [a - b for a, b in zip(through, direct, strict=True)]
        print(
            f"first token, {name}: simulator {percentiles(direct)}; gateway {percentiles(through)}; "
            f"added p50 {statistics.median(added):.2f} ms"
        )


def usage_of(process: Process) -> tuple[float, float]:
    """Resident memory in MB, and processor seconds so far."""
    folder = Path(f"/proc/{process.popen.pid}")
    fields = (folder / "stat").read_text("ascii").rpartition(")")[2].split()
    resident = next(line for line in (folder / "status").read_text("ascii").splitlines() if "VmRSS" in line)
    return int(resident.split()[1]) / 1024, (int(fields[11]) + int(fields[12])) / TICKS_PER_S


async def many_open(stack: Stack) -> None:
    """A thousand streams of twenty flights on one ingress."""
    stack.forget()
    stack.script({"tokens_per_second": 2})
    process = stack.named("ingress")[0]
    before_mb, _ = usage_of(process)
    questions = [unique("Open?") for _ in range(FLIGHTS)]
    counts = [0]

    async def count(number: int) -> None:
        await asyncio.sleep(number / 1000)
        async for _ in events(stack.urls[0], CHAT, asked(questions[number % FLIGHTS])):
            counts[0] += 1

    listening = [asyncio.create_task(count(n)) for n in range(OPEN)]
    await asyncio.sleep(4)
    (open_mb, cpu), events_before, started = usage_of(process), counts[0], time.perf_counter()
    await asyncio.sleep(5)
    (_, cpu_after), elapsed = usage_of(process), time.perf_counter() - started
    still = sum(not task.done() for task in listening)
    rate = (counts[0] - events_before) / elapsed
    print(
        f"{still} open streams on one ingress: {open_mb:.0f} MB resident ({before_mb:.0f} before), "
        f"{(cpu_after - cpu) / elapsed:.0%} of a core at {rate:.0f} events/s"
    )
    await asyncio.gather(*listening)


async def rolling_restart(stack: Stack) -> None:
    """Readers of jobs, while every ingress and every worker is stopped and started again."""
    stack.forget()
    stack.script({"tokens_per_second": 1})
    jobs = [await _begun(stack.urls[0], unique("Restart?")) for _ in range(FLIGHTS)]
    reading = [asyncio.create_task(_read(stack, jobs[n % FLIGHTS], n)) for n in range(READERS)]
    await asyncio.sleep(2)
    await asyncio.to_thread(_restart_all, stack)
    heard = await asyncio.gather(*reading)
    async with Redis.from_url(stack.queue.url) as redis:
        told = {job: [e.decode() for e, _ in await redis.xrange(keys.tokens(job))] for job in jobs}
    lost = duplicated = resumed = 0
    for n, (ids, reconnects) in enumerate(heard):
        expected = told[jobs[n % FLIGHTS]]
        lost += len(set(expected) - set(ids))
        duplicated += len(ids) - len(set(ids))
        resumed += reconnects
    total = sum(len(ids) for ids, _ in heard)
    assert total > 0, "there was nothing to lose"
    print(
        f"rolling restart of {len(stack.urls)} ingresses and 2 workers under {READERS} streams: "
        f"{lost} lost, {duplicated} duplicated of {total} events; {resumed} resumptions, "
        f"{len(stack.calls())} calls for {FLIGHTS} questions"
    )


async def _begun(url: str, question: str) -> str:
    """Ask as a stream, and leave with the job's id: whoever has it can follow."""
    stream = events(url, "/v1/query", {"prompt": question, "model": MODEL})
    async for event in stream:
        job_id = str(msgspec.json.decode(event.data)["job_id"])
        break
    await stream.aclose()  # type: ignore[attr-defined]
    return job_id


async def _read(stack: Stack, job: str, number: int) -> tuple[list[str], int]:
    """Follow a job to its end as a browser would: on the next ingress, after the last event."""
    await asyncio.sleep(number / 1000)
    ids: list[str] = []
    turns = itertools.count(number)
    for reconnects in itertools.count():
        last = {"Last-Event-ID": ids[-1]} if ids else {}
        async for event in _told(stack.urls[next(turns) % len(stack.urls)], job, last):
            if event.name in ("completed", "failed", "cancelled"):
                assert event.name == "completed", event.data
                return ids, reconnects
            if event.id:
                ids.append(event.id)
        await asyncio.sleep(0.1)
    raise AssertionError


async def _told(url: str, job: str, last: dict[str, str]) -> AsyncIterator[Event]:
    try:
        async for event in events(url, f"/v1/jobs/{job}/events", headers=last):
            yield event
    except (OSError, Refused, asyncio.IncompleteReadError):
        # Stopped, or not there yet: the next one may be.
        return


def _restart_all(stack: Stack) -> None:
    for process in stack.named("worker"):
        if process.popen.poll() is None:
            stack.add_worker()
            process.stop()
    for number, process in enumerate(stack.named("ingress")):
        process.stop()
        port = stack.urls[number].rpartition(":")[2]
        anew = stack.start(f"again-{number}", "ingress", SENTINEL_PORT=port)
        wait_for_ingress(anew, stack.urls[number])


async def measure(stack: Stack) -> None:
    """Everything, one after the other."""
    await twins(stack, kill=False)
    await twins(stack, kill=True)
    await late_joiners(stack)
    await overhead(stack)
    await many_open(stack)
    await rolling_restart(stack)


def main() -> None:
    """Start the product, measure, print."""
    build_model()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), ingresses=3, workers=2, SENTINEL_LEASE_S="1") as stack,
    ):
        uvloop.run(measure(stack))


if __name__ == "__main__":
    main()
