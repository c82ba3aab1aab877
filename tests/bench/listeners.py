"""Streams: one new question, many listeners, one call; beside the provider's own stream."""

import asyncio
import json
import statistics
import tempfile
import time
from pathlib import Path

import uvloop

from tests.bench.front import PLENTY, UPSTREAM_MODEL
from tests.bench.load import request
from tests.bench.rows import Row
from tests.support.stack import USER_KEY, Stack, build_model, running

ROUNDS = 3
LISTENERS = (1, 100)
DONE = b"data: [DONE]"


async def listen(port: int, data: bytes) -> tuple[float, float]:
    """Ask once, and listen to the end; milliseconds until the first token and until the last."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    started = time.perf_counter()
    writer.write(data)
    heard, first_ms = b"", 0.0
    while DONE not in heard:
        part = await reader.read(65_536)
        if not part:
            raise RuntimeError(f"the stream broke: {heard[:300]!r}")
        heard += part
        if not first_ms and b'"content":"' in heard.replace(b'"content":""', b""):
            first_ms = (time.perf_counter() - started) * 1000
    writer.close()
    return first_ms, (time.perf_counter() - started) * 1000


def asked(question: str, key: str, path: str) -> bytes:
    """A streaming request as bytes."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = {"model": UPSTREAM_MODEL, "stream": True, "messages": [{"role": "user", "content": question}]}
    return request("POST", path, headers, json.dumps(body).encode())


async def crowd(port: int, data: bytes, listeners: int) -> list[tuple[float, float]]:
    """So many at once."""
    return list(await asyncio.gather(*(listen(port, data) for _ in range(listeners))))


def measure() -> list[Row]:
    """Measure every number of listeners in turn."""
    build_model()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), workers=1, **PLENTY) as stack:
        rows = [_alone(stack)]
        rows += [_together(stack, listeners) for listeners in LISTENERS]
    return rows


def _alone(stack: Stack) -> Row:
    port = int(stack.simulator.rpartition(":")[2])
    found = []
    for number in range(ROUNDS):
        data = asked(f"Tell {number}.", "provider-key-for-tests", "/openai/v1/chat/completions")
        found.append(uvloop.run(crowd(port, data, 1)))
    return _row("the provider alone", 1, found, [1.0] * ROUNDS)


def _together(stack: Stack, listeners: int) -> Row:
    port, found, calls = int(stack.urls[0].rpartition(":")[2]), [], []
    for number in range(ROUNDS):
        stack.forget()
        data = asked(f"Tell {listeners} of us of {number}.", USER_KEY, "/v1/chat/completions")
        found.append(uvloop.run(crowd(port, data, listeners)))
        calls.append(float(len(stack.calls())))
    return _row("a new question", listeners, found, calls)


def _row(what: str, listeners: int, found: list[list[tuple[float, float]]], calls: list[float]) -> Row:
    return Row(
        what=what,
        load=f"{listeners} listeners",
        figures={
            "first token, median ms": [statistics.median(first for first, _ in one) for one in found],
            "first token, last listener ms": [max(first for first, _ in one) for one in found],
            "end, last listener ms": [max(last for _, last in one) for one in found],
            "provider calls": calls,
        },
    )
