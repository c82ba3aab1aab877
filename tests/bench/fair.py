"""`make bench-fair`: what a tenant that asks three times what the fleet can do costs another, and the fleet.

Open loops: requests are sent at their time whether earlier ones have been answered or not. Prints the other
tenant's p50 and p99 alone and beside the greedy one, with turns and without, and answers per second at the
peak and in overload.
"""

import asyncio
import itertools
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tests.support.stack import OTHER_KEY, USER_KEY, Stack, running

SLOTS = 8
LATENCY_MS = 800
PEAK = SLOTS * 1000 / LATENCY_MS
MODEST = PEAK / 5
SECONDS = 30.0
PATIENCE_S = 3.0
"""For the last answers; what comes later has not come."""
KEYS = {"greedy": USER_KEY, "other": OTHER_KEY}
NUMBERS = itertools.count()


class Load:
    """One tenant's open loop, and what came of it."""

    def __init__(self, client: httpx.AsyncClient, key: str, per_s: float) -> None:
        self._client = client
        self._headers = {"X-API-Key": key, "Prefer": "wait=60"}
        self._per_s = per_s
        self.took_ms: list[float] = []
        self.refused = self.lost = 0
        self.lasted_s = 0.0

    async def run(self, seconds: float) -> None:
        """Send at the rate for so long, and wait for the answers of that time."""
        began = time.perf_counter()
        sent = []
        for number in range(int(seconds * self._per_s)):
            await asyncio.sleep(max(0.0, began + number / self._per_s - time.perf_counter()))
            sent.append(asyncio.create_task(self._ask()))
        await asyncio.wait(sent, timeout=PATIENCE_S)
        self.lasted_s = time.perf_counter() - began
        self.lost = sum(not task.done() for task in sent)
        for task in sent:
            task.cancel()
        await asyncio.gather(*sent, return_exceptions=True)

    async def _ask(self) -> None:
        body = {"prompt": f"question {next(NUMBERS)}", "cache": {"mode": "exact", "no-store": True}}
        began = time.perf_counter()
        reply = await self._client.post("/v1/query", json=body, headers=self._headers)
        if reply.status_code == httpx.codes.OK:
            self.took_ms.append((time.perf_counter() - began) * 1000)
        else:
            self.refused += 1

    def percentile(self, share: float) -> float:
        """Of the answers' times, in milliseconds; who has none waits for ever."""
        all_ms = sorted([*self.took_ms, *[math.inf] * (self.lost + self.refused)])
        return all_ms[int(share * (len(all_ms) - 1))]

    @property
    def per_s(self) -> float:
        """Answers a second."""
        return len(self.took_ms) / self.lasted_s


async def loads(stack: Stack, **per_s: float) -> dict[str, Load]:
    """Run loops beside one another."""
    limits = httpx.Limits(max_connections=5_000)
    async with httpx.AsyncClient(base_url=stack.urls[0], timeout=120, limits=limits) as client:
        found = {name: Load(client, KEYS[name], rate) for name, rate in per_s.items()}
        await asyncio.gather(*(load.run(SECONDS) for load in found.values()))
        return found


def measure(window: int) -> tuple[float, float]:
    """Run alone, then beside the greedy one; returns the p99s' ratio, and goodput over the peak's."""
    settings: dict[str, Any] = {
        "SENTINEL_SLOTS": str(SLOTS),
        "SENTINEL_RESERVED_SLOTS": "0",
        "SENTINEL_TENANT_WINDOW": str(window),
    }
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), **settings) as stack:
        stack.script({"latency_ms": LATENCY_MS})
        alone = asyncio.run(loads(stack, other=MODEST))["other"]
        peak = asyncio.run(loads(stack, other=PEAK * 0.95))["other"]
        both = asyncio.run(loads(stack, greedy=3 * PEAK, other=MODEST))
    other = both["other"]
    rate, goodput = peak.per_s, other.per_s + both["greedy"].per_s
    print(
        f"window {window:2}: alone p50 {alone.percentile(0.5):.0f} p99 {alone.percentile(0.99):.0f} ms, "
        f"beside p50 {other.percentile(0.5):.0f} p99 {other.percentile(0.99):.0f} ms, "
        f"{other.refused} refused, {other.lost} not answered; "
        f"{rate:.1f}/s at the peak, {goodput:.1f}/s in overload"
    )
    return other.percentile(0.99) / alone.percentile(0.99), goodput / rate


def main() -> int:
    """Measure with turns and without, and fail beyond the bounds."""
    measure(0)
    ratio, goodput = measure(2)
    print(f"p99 of the other tenant x {ratio:.2f} (bound 2); goodput {goodput:.0%} of the peak (bound 90 %)")
    return 0 if ratio <= 2 and goodput >= 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
