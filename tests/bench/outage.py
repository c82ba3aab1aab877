"""`make bench-outage`: what callers get while the provider is down, and how hard it is called while it flaps.

Real questions are replayed with a Zipf popularity through the real processes. First with the provider up, so
that some answers are stored, half of them already past their freshness; then with it down. Prints the share
still answered, by type, and how long a refusal takes. Then the provider flaps, and calls are counted.
"""

import argparse
import asyncio
import itertools
import json
import random
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.connection import Connection, header
from tests.bench.load import request
from tests.support.stack import ADMIN_KEY, USER_KEY, Stack, build_model, running

DATA = Path(__file__).parents[1] / "data"
CALLERS = 8
ANSWERED = ("exact", "semantic", "collapsed", "stale")
DOWN = {"fault": "status:503"}
FLAPS_S = 1.0
STALE_AFTER_S = 1
"""The `ttl` of half of the questions: the shortest that there is."""


@dataclass
class Replayed:
    """What became of some requests: how many by kind, and how long those took, in ms."""

    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    comes_back: list[float] = field(default_factory=list)
    """When each refusal said to come back, on the monotonic clock."""

    @property
    def count(self) -> int:
        """All of them."""
        return sum(map(len, self.took.values()))

    def share(self, *kinds: str) -> float:
        """The share of some kinds."""
        return sum(len(self.took.get(kind, ())) for kind in kinds) / self.count


def read(name: str) -> list[dict[str, Any]]:
    """Read a file of the data folder."""
    return [json.loads(line) for line in (DATA / f"{name}.jsonl").read_text().splitlines()]


class Questions:
    """Real questions and paraphrases of some, the most popular first."""

    def __init__(self, seed: int) -> None:
        self._draws = random.Random(seed)
        pairs = [pair for pair in read("labelled_pairs") if pair["label"] and pair["set"] != "adversarial"]
        paraphrased = [pair[which] for pair in pairs for which in ("a", "b")]
        self._texts = list(dict.fromkeys([row["text"] for row in read("traffic")] + paraphrased))
        self._draws.shuffle(self._texts)
        self._weights = [1 / rank for rank in range(1, len(self._texts) + 1)]

    def drawn(self, count: int) -> list[str]:
        """Draw questions by their popularity."""
        return self._draws.choices(self._texts, weights=self._weights, k=count)

    def body(self, text: str, *, warming: bool) -> dict[str, Any]:
        """A request for a question; every second question's answer is fresh for a moment only."""
        short = warming and self._texts.index(text) % 2 == 1
        return {"prompt": text, "cache": {"ttl": STALE_AFTER_S} if short else {}}


def post(body: dict[str, Any], **headers: str) -> bytes:
    """A request to /v1/query as bytes."""
    sent = {"X-API-Key": USER_KEY, "Content-Type": "application/json", **headers}
    return request("POST", "/v1/query", sent, json.dumps(body).encode())


async def replay(stack: Stack, requests: Iterable[bytes]) -> Replayed:
    """Send requests, some at a time, and sort the replies."""
    port, replayed, left = int(stack.urls[0].rpartition(":")[2]), Replayed(), iter(requests)

    async def caller() -> None:
        async with Connection.open(port) as connection:
            for data in left:
                sent = time.perf_counter()
                head, body = await connection.exchange(data)
                took = (time.perf_counter() - sent) * 1000
                kind = kind_of(json.loads(body))
                replayed.took[kind].append(took)
                if kind == "upstream_circuit_open":
                    replayed.comes_back.append(time.monotonic() + float(header(head, b"retry-after")))

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    return replayed


def kind_of(body: dict[str, Any]) -> str:
    """The kind of an answer, or the code of a refusal."""
    if "code" in body:
        return str(body["code"])
    cache = body["cache"]
    return str(cache["type"] if cache["status"] == "hit" else cache["status"])


def outage(stack: Stack, questions: Questions, *, warm: int, count: int) -> None:
    """Warm the cache, take the provider down, and print what callers get."""
    asked = [post(questions.body(text, warming=True)) for text in questions.drawn(warm)]
    up = asyncio.run(replay(stack, asked))
    print(f"provider up: {up.count} requests, {up.share('miss'):.1%} bought,", end=" ")
    print(f"{len(stack.calls())} calls")
    time.sleep(STALE_AFTER_S + 0.5)
    stack.script(DOWN)
    asked = [post(questions.body(text, warming=False)) for text in questions.drawn(count)]
    down = asyncio.run(replay(stack, asked))
    print(f"provider down: {down.count} requests, {down.share(*ANSWERED):.1%} answered")
    for kind in sorted(down.took, key=lambda kind: (kind not in ANSWERED, kind)):
        show(kind, down.took[kind], down.count)
    tell_when(stack, down.comes_back)
    # Who takes no answer found by meaning is refused by the ingress, which knows the breaker.
    refused = asyncio.run(replay(stack, itertools.islice(new_questions("Who?", for_s=60), count)))
    print(f"provider down, new questions in mode exact: {refused.count} requests")
    for kind, took in refused.took.items():
        show(kind, took, refused.count)
    tell_when(stack, refused.comes_back)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(kind: str, took: Sequence[float], count: int) -> None:
    """Print one kind: how many, what share, and how long they took."""
    times = f"p50 {percentile(took, 0.5):7.2f} ms  p99 {percentile(took, 0.99):7.2f} ms"
    print(f"  {kind:24} {len(took):5}  {len(took) / count:6.1%}  {times}")


def tell_when(stack: Stack, comes_back: Sequence[float]) -> None:
    """Compare the times that refusals named with the end of the breaker's rest."""
    with stack.client(key=ADMIN_KEY) as http:
        [seen] = http.get("/admin/breakers").json()["breakers"]
    ends = time.monotonic() + seen["retry_after_s"]
    off = [named - ends for named in comes_back]
    print(f"  Retry-After names the end of the rest, or up to {max(off):.1f} s later", end=" ")
    print(f"(at the earliest {min(off):+.1f} s)")


def flapping(stack: Stack, chance: float, *, for_s: float) -> None:
    """Let calls fail every other second, all or some, and count them by question."""
    stack.forget()
    stack.script({**DOWN, "flaps_s": FLAPS_S, "chance": chance}, {"latency_ms": 20})
    told = asyncio.run(replay(stack, new_questions(f"Is it up at {chance}?", for_s=for_s)))
    calls = Counter(call["call_id"].partition("/")[0] for call in stack.calls())
    print(f"{chance:.0%} of the calls fail every other {FLAPS_S:g} s: {told.count} requests in {for_s:g} s")
    for kind, took in told.took.items():
        show(kind, took, told.count)
    print(f"  {calls.total()} calls for {len(calls)} questions that were sent:", end=" ")
    print(f"amplification {calls.total() / len(calls):.3f}")


def new_questions(text: str, *, for_s: float) -> Iterator[bytes]:
    """Questions that only the provider can answer, until the time is over."""
    ends = time.monotonic() + for_s
    for number in itertools.takewhile(lambda _: time.monotonic() < ends, itertools.count()):
        yield post({"prompt": f"{text} ({number})", "cache": {"mode": "exact"}})


def product(folder: Path, **settings: Any) -> AbstractContextManager[Stack]:
    """An ingress and two workers."""
    folder.mkdir()
    return running(folder, workers=2, **settings)


def main() -> None:
    """Run both, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--warm", type=int, default=400, help="requests before the outage")
    parser.add_argument("--count", type=int, default=1000, help="requests during it")
    parser.add_argument("--flapping", type=float, default=20, help="seconds for each way of flapping")
    asked = parser.parse_args()
    build_model()
    with tempfile.TemporaryDirectory() as folder:
        with product(Path(folder) / "down") as stack:
            outage(stack, Questions(asked.seed), warm=asked.warm, count=asked.count)
        # A rest of a minute would keep nearly all calls away from a provider that is up again.
        with product(Path(folder) / "flapping", SENTINEL_BREAKER_COOLDOWN_S="0.5") as stack:
            for chance in (1.0, 0.3):
                flapping(stack, chance, for_s=asked.flapping)


if __name__ == "__main__":
    main()
