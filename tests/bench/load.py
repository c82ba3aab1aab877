"""A load generator that costs a third of the cheapest server: keep-alive sockets, requests that are bytes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

Requests = Callable[[], bytes | None]
CONTENT_LENGTH = b"content-length: "


@dataclass
class Measured:
    """Latencies in milliseconds, and how long the whole took in seconds."""

    latencies: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    def percentile(self, share: float) -> float:
        """The latency below which this share of requests was answered."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.elapsed_s


class Caller(asyncio.Protocol):
    """One connection: sends the next request as soon as the last is answered; every answer has `check`."""

    def __init__(self, requests: Requests, check: bytes, latencies: list[float]) -> None:
        self._requests = requests
        self._check = check
        self._latencies = latencies
        self._heard = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Take an answer, perhaps in parts."""
        heard = self._heard + data if self._heard else data
        end = heard.find(b"\r\n\r\n")
        head = heard[:end].lower()
        at = head.find(CONTENT_LENGTH)
        if end < 0 or at < 0:
            self._heard = heard
            return
        length = int(head[at + len(CONTENT_LENGTH) :].split(b"\r\n", 1)[0])
        if len(heard) < end + 4 + length:
            self._heard = heard
            return
        self._heard = b""
        self._latencies.append((time.perf_counter() - self._sent) * 1000)
        if self._check not in heard:
            self._fail(RuntimeError(f"unexpected answer: {heard[:600]!r}"))
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server shall not close."""
        self._fail(exc or RuntimeError("the server closed the connection"))

    def _send(self) -> None:
        data = self._requests()
        if data is None:
            if not self.done.done():
                self.done.set_result(None)
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(data)

    def _fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Lay a request out as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(port: int, requests: Requests, *, connections: int, check: bytes = b"200 OK") -> Measured:
    """Send what `requests` hands out until it returns None; every answer must contain `check`."""
    measured = Measured()
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    opened = [
        loop.create_connection(lambda: Caller(requests, check, measured.latencies), "127.0.0.1", port)
        for _ in range(connections)
    ]
    callers = [caller for _, caller in await asyncio.gather(*opened)]
    await asyncio.gather(*(caller.done for caller in callers))
    measured.elapsed_s = time.perf_counter() - started
    return measured


def countdown(count: int, make: Callable[[int], bytes]) -> Requests:
    """Hand out `count` requests, each made from its number."""
    numbers = iter(range(count))

    def following() -> bytes | None:
        number = next(numbers, None)
        return None if number is None else make(number)

    return following
