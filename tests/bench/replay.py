"""End to end: real questions with a Zipf popularity, through the whole product and through LiteLLM."""

import json
import random
import tempfile
from pathlib import Path

import uvloop

from tests.bench import litellm
from tests.bench.front import PLENTY, UPSTREAM_MODEL, chat
from tests.bench.load import Measured, countdown, run
from tests.bench.rows import Row
from tests.support.stack import ROOT, USER_KEY, Stack, build_model, running

ROUNDS = 3
ASKED = 1_500
ASKED_OF_PEER = 400
CONNECTIONS = 32
ZIPF = 1.0
"""The exponent: the most asked question is asked twice as often as the next."""


def traffic(seed: int, count: int) -> list[str]:
    """So many questions, popular ones often; each round has words of its own, so that none is stored."""
    lines = (ROOT / "tests" / "data" / "traffic.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    rng = random.Random(seed)
    rng.shuffle(texts)
    weights = [1 / rank**ZIPF for rank in range(1, len(texts) + 1)]
    return [f"{text} (#{seed})" for text in rng.choices(texts, weights, k=count)]


def measure() -> list[Row]:
    """Replay the same traffic on both in turn."""
    build_model()
    litellm.install()
    ours: list[tuple[Measured, int]] = []
    theirs: list[tuple[Measured, int]] = []
    with tempfile.TemporaryDirectory() as name, running(Path(name), workers=2, **PLENTY) as stack:
        port = int(stack.urls[0].rpartition(":")[2])
        with litellm.running(Path(name), stack.simulator, UPSTREAM_MODEL) as (_, peer):
            for number in range(ROUNDS):
                ours.append(_replay(stack, port, UPSTREAM_MODEL, USER_KEY, traffic(number, ASKED)))
                questions = traffic(number, ASKED_OF_PEER)
                theirs.append(_replay(stack, peer, litellm.MODEL, litellm.KEY, questions))
    return [_row("Sentinel", ASKED, ours), _row("LiteLLM", ASKED_OF_PEER, theirs)]


def _replay(stack: Stack, port: int, model: str, key: str, questions: list[str]) -> tuple[Measured, int]:
    stack.forget()
    requests = [chat(question, model, key) for question in questions]
    measured = uvloop.run(
        run(port, countdown(len(requests), lambda number: requests[number]), connections=CONNECTIONS)
    )
    return measured, len(stack.calls())


def _row(what: str, asked: int, found: list[tuple[Measured, int]]) -> Row:
    return Row(
        what=what,
        load=f"{asked:,} questions, {CONNECTIONS} connections",
        figures={
            "requests/s": [measured.rate for measured, _ in found],
            "p50 ms": [measured.percentile(0.5) for measured, _ in found],
            "p99 ms": [measured.percentile(0.99) for measured, _ in found],
            "provider calls": [float(calls) for _, calls in found],
            "answered without a call, %": [100 * (1 - calls / asked) for _, calls in found],
        },
    )
