"""`sentinel demo`: a guided minute with a running gateway, and what it saved."""

import argparse
import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from shared.cli import gateway
from shared.cli.ask import line
from shared.cli.gateway import Gateway, Told
from shared.cli.terminal import say
from shared.settings.loading import load

TWINS = 20
SIMULATOR_FILE = "simulator.url"
"""Where `sentinel up` leaves its simulator's address while that runs."""
OUTAGE = [{"fault": "status:503"}]
STALE_AFTER_S = 1
PAUSE_S = 1.2
CONTROL_S = 5.0


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare which gateway."""
    gateway.add_arguments(command)


def run(given: argparse.Namespace) -> int:
    """Walk through a miss, hits, a near miss, twins and an outage; raises CannotStart."""
    settings = load()
    with gateway.gateway(settings, given) as there:
        tour = Tour(there, namespace=f"demo-{secrets.token_hex(4)}")
        tour.hits()
        tour.near_is_not_the_same()
        tour.twins()
        tour.outage(_simulator(Path(settings.data_dir)))
        tour.sum_up()
    return 0


class Tour:
    """The steps of the minute, in a cache of their own, so that it begins anew every time."""

    def __init__(self, there: Gateway, *, namespace: str) -> None:
        self._there = there
        self._cache = {"namespace": namespace}
        self._told: list[Told] = []

    def hits(self) -> None:
        """One question three times: bought, word for word, and in other words."""
        say("1. A question is bought once.")
        self._show("What is the capital of Australia?")
        say("2. Word for word again: answered by the ingress itself.")
        self._show("What is the capital of Australia?")
        say("3. In other words: similarity proposes, guards and a verifier decide.")
        self._show("Tell me the capital city of Australia")

    def near_is_not_the_same(self) -> None:
        """Two questions that any cosine calls near, and that need two answers."""
        say("4. Near is not the same.")
        self._show("How do I enable two-factor authentication?")
        refused = self._show("How do I disable two-factor authentication?")
        guards = (refused.job.get("cache") or {}).get("guards") or ()
        for guard in guards:
            if not guard["passed"]:
                say(f"     refused by {guard['guard']}: {guard['reason']}")

    def twins(self) -> None:
        """Many at once: one call, one bill."""
        say(f"5. {TWINS} callers ask the same at the same moment.")
        question = "Why do cats purr?"
        with ThreadPoolExecutor(TWINS) as callers:
            told = list(callers.map(lambda _: self._there.ask(question, cache=self._cache), range(TWINS)))
        self._told += told
        bought = sum(one.verdict == "miss" for one in told)
        say(f"     {bought} call to the provider, {TWINS - bought} shared its answer")

    def outage(self, simulator: str | None) -> None:
        """The provider fails; what is known is still answered, and says how old it is."""
        if simulator is None:
            say("6. (No simulator of `sentinel up` here, so nothing is broken on purpose.)")
            return
        say("6. The provider goes down. What was answered before still is, labelled stale.")
        question, cache = "How far away is the moon?", {**self._cache, "ttl": STALE_AFTER_S}
        self._told.append(self._there.ask(question, cache=cache))
        time.sleep(STALE_AFTER_S + PAUSE_S)
        with _broken(simulator):
            self._show(question, ttl=STALE_AFTER_S)

    def sum_up(self) -> None:
        """Count, and add the money up."""
        bought = sum(one.verdict == "miss" for one in self._told)
        saved = [(one.job.get("usage") or {}).get("saved_usd") for one in self._told]
        known = [amount for amount in saved if amount is not None]
        say(f"\n{len(self._told)} answers for {bought} calls; ${sum(known):.6f} saved.")

    def _show(self, question: str, **cache: int) -> Told:
        told = self._there.ask(question, cache={**self._cache, **cache})
        self._told.append(told)
        say(f"     {question}\n       -> {line(told)}")
        return told


def _simulator(data_dir: Path) -> str | None:
    try:
        return (data_dir / SIMULATOR_FILE).read_text("utf-8").strip()
    except OSError:
        return None


@contextlib.contextmanager
def _broken(simulator: str) -> Iterator[None]:
    script = f"{simulator}/_simulator/script"
    httpx.put(script, json=OUTAGE, timeout=CONTROL_S).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(script, timeout=CONTROL_S)


@contextlib.contextmanager
def told_where(data_dir: Path, port: int | None) -> Iterator[None]:
    """Leave the simulator's address for the demo while it runs; without one there is nothing to leave."""
    path = data_dir / SIMULATOR_FILE
    if port is not None:
        path.write_text(f"http://127.0.0.1:{port}{os.linesep}", "utf-8")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
