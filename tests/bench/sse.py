"""A client of event streams that costs little: one connection a stream, no more parsing than is needed."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tests.bench.load import request
from tests.support.stack import USER_KEY


class Event(Struct, frozen=True):
    """One event as it came, with its parts, and when: seconds of `time.perf_counter`."""

    raw: bytes
    name: str
    id: str
    data: bytes
    at: float


class Refused(Exception):
    """The answer was not an event stream."""


async def events(
    url: str, path: str, body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Event]:
    """The events of one response until it ends or breaks; raises Refused and OSError."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(_laid_out(path, body, headers or {}))
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise Refused(head.split(b"\r\n", 1)[0].decode())
        rest = b""
        async for part in _parts(reader, chunked=b"chunked" in head.lower()):
            *whole, rest = (rest + part).split(b"\n\n")
            at = time.perf_counter()
            for event in whole:
                if event and not event.startswith((b":", b"retry:")):
                    yield _event(event, at)
    finally:
        writer.close()


def text_of(event: Event) -> str:
    """The text that an event of tokens adds."""
    if b'"choices"' not in event.data:
        return ""
    choices = msgspec.json.decode(event.data)["choices"]
    return "".join(choice["delta"].get("content") or "" for choice in choices if "delta" in choice)


def _laid_out(path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> bytes:
    own = {"Authorization": f"Bearer {USER_KEY}", "Accept": "text/event-stream", **headers}
    if body is None:
        return request("GET", path, own)
    return request("POST", path, own | {"Content-Type": "application/json"}, msgspec.json.encode(body))


async def _parts(reader: asyncio.StreamReader, *, chunked: bool) -> AsyncIterator[bytes]:
    try:
        while chunked:
            size = int((await reader.readline()).strip() or b"0", 16)
            if size == 0:
                return
            yield await reader.readexactly(size)
            await reader.readexactly(2)
        while part := await reader.read(65_536):
            yield part
            if part.endswith((b"data: [DONE]\n\n", b"0\r\n\r\n")):
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        # The process that told it is gone.
        return


def _event(raw: bytes, at: float) -> Event:
    fields = dict(line.partition(": ")[::2] for line in raw.decode().split("\n"))
    return Event(raw, fields.get("event", ""), fields.get("id", ""), fields.get("data", "").encode(), at)
