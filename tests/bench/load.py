"""A load generator that costs little: keep-alive connections, requests prepared as bytes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field


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


def request(method: str, path: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    """Lay a request out as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(
    port: int, requests: Callable[[], bytes | None], *, connections: int, check: bytes = b"200 OK"
) -> Measured:
    """Send what `requests` hands out until it returns None; every answer must contain `check`."""
    measured = Measured()
    started = time.perf_counter()

    async def caller() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (data := requests()) is not None:
            sent = time.perf_counter()
            writer.write(data)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            measured.latencies.append((time.perf_counter() - sent) * 1000)
            if check not in head and check not in body:
                raise RuntimeError(f"unexpected answer: {head!r} {body[:200]!r}")
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(caller())
    measured.elapsed_s = time.perf_counter() - started
    return measured


def countdown(count: int, make: Callable[[int], bytes]) -> Callable[[], bytes | None]:
    """Hand out `count` requests, each made from its number."""
    numbers = iter(range(count))

    def following() -> bytes | None:
        number = next(numbers, None)
        return None if number is None else make(number)

    return following
