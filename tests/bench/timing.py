"""`make bench-timing`: whether a tenant can tell by time that another has asked a question before.

Prints the AUC of telling a question that another tenant has asked from one that it has not: 0.5 is guessing,
1 is knowing. Its own stored question beside one that is not is the control: that one shows.
"""

import http.client
import json
import random
import sys
import tempfile
import time
import uuid
from bisect import bisect_left, bisect_right
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.stack import OTHER_KEY, USER_KEY, Stack, build_model, running

PAIRS = 2_000
CONTROL_PAIRS = 200
BOUND = 0.02
VICTIM, ATTACKER = USER_KEY, OTHER_KEY


class Caller:
    """One kept connection, so that nothing but the answer is timed."""

    def __init__(self, stack: Stack, key: str) -> None:
        parts = urlsplit(stack.urls[0])
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0)
        self._headers = {"X-API-Key": key, "Content-Type": "application/json"}

    def ask(self, prompt: str, **headers: str) -> float:
        """Ask, and return how long it took, in milliseconds."""
        body = json.dumps({"prompt": prompt, "cache": {"mode": "exact"}}).encode()
        started = time.perf_counter()
        self._connection.request("POST", "/v1/query", body, {**self._headers, **headers})
        self._connection.getresponse().read()
        return (time.perf_counter() - started) * 1000


def auc(faster: list[float], slower: list[float]) -> float:
    """How often one of the first is faster than one of the second; ties count half (Mann and Whitney)."""
    ordered = sorted(slower)
    wins = sum(
        len(ordered)
        - bisect_right(ordered, one)
        + (bisect_right(ordered, one) - bisect_left(ordered, one)) / 2
        for one in faster
    )
    return wins / (len(faster) * len(slower))


def measured(victim: Caller, attacker: Caller, pairs: int, **headers: str) -> float:
    """Let the victim ask one of each two questions, and the attacker both, in no order."""
    seen: list[float] = []
    unseen: list[float] = []
    for _ in range(pairs):
        known, unknown = (f"Who is {uuid.uuid4().hex}?" for _ in range(2))
        victim.ask(known)
        for prompt in random.sample([known, unknown], 2):
            (seen if prompt == known else unseen).append(attacker.ask(prompt, **headers))
    return auc(seen, unseen)


def main() -> int:
    """Measure, print, and fail beyond the bound."""
    build_model()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as stack,
    ):
        stack.script({"latency_ms": 3})
        victim, attacker = Caller(stack, VICTIM), Caller(stack, ATTACKER)
        probing = measured(victim, attacker, PAIRS, **{"Cache-Control": "only-if-cached"})
        print(f"looking only ({PAIRS} pairs): AUC {probing:.3f}")
        asking = measured(victim, attacker, PAIRS)
        print(f"asking       ({PAIRS} pairs): AUC {asking:.3f}")
        control = measured(victim, victim, CONTROL_PAIRS)
        print(f"its own      ({CONTROL_PAIRS} pairs): AUC {control:.3f}  (the control: this one shows)")
    return 0 if all(abs(found - 0.5) <= BOUND for found in (probing, asking)) and control > 0.9 else 1


if __name__ == "__main__":
    sys.exit(main())
